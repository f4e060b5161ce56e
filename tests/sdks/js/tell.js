// Tells a story by the AWS SDK for JavaScript: reads steps on stdin, makes each call at the endpoint
// that is given, and prints what each gave, one JSON value a line. Nothing but the endpoint is
// configured, so the retries are those that everybody has.

const { readFileSync } = require("node:fs");
const clients = {
  ses: require("@aws-sdk/client-ses"),
  sesv2: require("@aws-sdk/client-sesv2"),
};

const options = { endpoint: process.argv[2] };
const made = { ses: new clients.ses.SESClient(options), sesv2: new clients.sesv2.SESv2Client(options) };

async function call({ service = "sesv2", call, with: input }, n) {
  const own = JSON.parse(JSON.stringify(input).replaceAll("{n}", n));
  try {
    return { gave: await made[service].send(new clients[service][`${call}Command`](own)) };
  } catch (error) {
    return { error: error.name, message: error.message };
  }
}

async function main() {
  for (const step of JSON.parse(readFileSync(0, "utf8"))) {
    const calls = Array.from({ length: step.times ?? 1 }, (_, n) => call(step, n));
    console.log(JSON.stringify(await Promise.all(calls)));
  }
}

main();
