// One task from its opening to its end, as its opener, its agent and a resource server see it. Prints one line of JSON.

import { inspect } from "node:util";

import { BrokerClient, BrokerProblem, type OpenTaskBody, Secret, tokenFile } from "jit-broker-client";

const { BROKER_URL = "", ORCHESTRATOR = "", AGENT = "", RESOURCE = "" } = process.env;
const [orchestrator, agent, resource] = [ORCHESTRATOR, AGENT, RESOURCE].map((file) => new BrokerClient(BROKER_URL, tokenFile(file)));
if (!orchestrator || !agent || !resource) throw new Error("three callers");

const wishes: OpenTaskBody = {
  name: "typed",
  agent: "invoice-bot",
  tenant: "acme",
  ceiling: [{ capability: "orders-api", scopes: ["orders:read"] }],
  ttl_seconds: 600,
};

async function refusal(asked: Promise<unknown>): Promise<string[]> {
  try {
    await asked;
    return [];
  } catch (error) {
    if (!(error instanceof BrokerProblem)) throw error;
    return [String(error.status), error.code, error.decision.slice(0, 2)];
  }
}

const opened = await orchestrator.openTask(wishes, { key: "story.open" });
const again = await orchestrator.openTask(wishes, { key: "story.open" });
const conflict = await refusal(orchestrator.openTask({ ...wishes, name: "another" }, { key: "story.open" }));
const handle = again.claim_handle ?? new Secret(""); // a repeat has a handle of its own: only the newest is good
await agent.claimTask(opened.id, handle);
const issued = await agent.issue(opened.id, { capability: "orders-api", scopes: ["orders:read"], ttl_seconds: 60 });
const token = issued.access_token ?? new Secret("");
const alive = async (): Promise<boolean> => (await resource.introspect(token)).active;

const states = [await alive()];
const refused = await refusal(agent.issue(opened.id, { capability: "orders-api", scopes: ["orders:write"] }));
const renewed = await agent.renew(issued.id);
states.push(await alive());
const shown = [String(token), `${handle}`, JSON.stringify({ issued, renewed }), inspect({ issued, client: agent }, { depth: 9, showHidden: true })];
const secrets = [token, handle, renewed.access_token];
const listed = await orchestrator.call("get", "/v1/tasks", { query: { tenant: "acme", limit: 5 } });
const report = await agent.endTask(opened.id, "completed", "done");
states.push(await alive());

console.log(
  JSON.stringify({
    isSame: again.id === opened.id && again.claim_handle?.reveal() !== opened.claim_handle?.reveal(),
    conflict,
    refused,
    generation: renewed.generation,
    states,
    leaks: secrets.filter((each) => !each || shown.some((text) => text.includes(each.reveal()))).length,
    listed: listed.body.tasks.some((task) => task.id === opened.id),
    state: report.task.state,
    after: await refusal(agent.issue(opened.id, { capability: "orders-api", scopes: ["orders:read"] })),
  }),
);
