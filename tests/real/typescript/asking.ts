// One request to whatever answers there. Prints one line of JSON: what became of it.

import { inspect } from "node:util";

import { BrokerClient, BrokerProblem, BrokerUnreachable } from "jit-broker-client";

const { BROKER_URL = "", DO = "open", TOKEN = "workload" } = process.env;
const body = { name: "n", agent: "a", tenant: "t", ceiling: [], ttl_seconds: 600 };

async function ask(): Promise<unknown> {
  const client = new BrokerClient(BROKER_URL, () => TOKEN, { timeoutMs: 2_000, patienceMs: 6_000 });
  if (DO === "beat") return client.beat("t_07_a");
  if (DO === "up") return client.showTask("..");
  if (DO === "slash") return client.showTask("../../healthz?x=1");
  if (DO === "abort") return client.openTask(body, { signal: AbortSignal.timeout(200) });
  return client.openTask(body, { key: "asking.open" });
}

try {
  console.log(JSON.stringify({ got: await ask() }));
} catch (error) {
  if (!(error instanceof Error)) throw error;
  console.log(
    JSON.stringify({
      threw: error.name,
      says: error.message,
      isLeaked: inspect(error, { depth: 9 }).includes(TOKEN),
      ...(error instanceof BrokerUnreachable ? { mayHaveActed: error.mayHaveActed } : {}),
      ...(error instanceof BrokerProblem ? { code: error.code, decision: error.decision, retryAfter: error.retryAfter } : {}),
    }),
  );
}
