// What Cloudflare and others on the way say of the caller, and the ids of traces: none of it is Lethe's business.
const DROPPED =
  /^(?:cf-|x-forwarded-|x-original-|true-client-ip$|x-real-ip$|x-client-ip$|forwarded$|via$|cdn-loop$|traceparent$|tracestate$|baggage$|x-cloud-trace-context$|x-amzn-trace-id$|x-b3-)/;

/** Sends a request on, bodies both ways as they come; it ends there when the caller leaves. */
export async function relay(request, send) {
  const headers = new Headers();
  for (const [name, value] of request.headers) {
    if (!DROPPED.test(name)) headers.append(name, value);
  }
  const { url, method, body, signal } = request;
  try {
    return await send(new Request(url, { method, headers, body, signal, redirect: "manual" }));
  } catch {
    // What was thrown may quote addresses: nobody is told.
    const error = { type: "api_error", message: "the proxy is not there: try again" };
    return Response.json({ type: "error", error }, { status: 503, headers: { "cache-control": "no-store", "retry-after": "1" } });
  }
}
