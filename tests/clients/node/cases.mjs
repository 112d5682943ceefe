// Runs a table of cases one after another and prints one line for each; the process fails if one did.

export function check(condition, what) {
  if (!condition) throw new Error(what);
}

export function same(got, wanted) {
  const [left, right] = [JSON.stringify(got), JSON.stringify(wanted)];
  check(left === right, `${left} is not ${right}`);
}

export async function failure(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}

export async function run(cases) {
  for (const [name, body] of Object.entries(cases)) {
    try {
      await body();
      console.log(`ok ${name}`);
    } catch (error) {
      console.log(`FAILED ${name}: ${error?.constructor?.name}: ${error?.message}`);
      process.exitCode = 1;
    }
  }
}
