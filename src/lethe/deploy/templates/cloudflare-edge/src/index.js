import { Container, getRandom } from "@cloudflare/containers";

import config from "../lethe.toml";
import { relay } from "./relay.js";

const INSTANCES = %%INSTANCES%%;
const SECRETS = [%%SECRETS%%];

/** Lethe's own image. Nothing is written to the object's storage but the container's state. */
export class Lethe extends Container {
  defaultPort = %%PORT%%;
  pingEndpoint = "localhost/health";
  sleepAfter = "15m";
  enableInternet = true;
  envVars = {
    PORT: "%%PORT%%",
    LETHE_HOST: "0.0.0.0",
    LETHE_DRAIN: "%%DRAIN%%",
    LETHE_TOML: config,
    ...Object.fromEntries(SECRETS.map((name) => [name, this.env[name]])),
  };

  onError() {
    // The library's own prints what it is given.
    throw new Error("the container has failed");
  }
}

export default {
  fetch(request, env) {
    return relay(request, async (outgoing) => (await getRandom(env.LETHE, INSTANCES)).fetch(outgoing));
  },
};
