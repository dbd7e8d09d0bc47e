// Nothing here may compile: each line has the one mistake that its comment names, and the compiler must see it.

import { BrokerClient, Secret, tokenFile } from "jit-broker-client";

const client = new BrokerClient("https://broker.example", tokenFile("token"));
const body = { name: "n", agent: "a", tenant: "t", ceiling: [], ttl_seconds: 1 };

await client.call("post", "/v1/tasks", { body }); // no key, where the document has one
await client.call("get", "/v1/task", {}); // no such route
await client.call("delete", "/v1/tasks", {}); // no such method of the route
await client.call("get", "/v1/tasks/{task}", {}); // no id
await client.openTask({ ...body, ttl_seconds: "600" }); // a text for a number
await client.openTask({ name: "n", agent: "a", tenant: "t", ceiling: [] }); // no deadline
await client.call("post", "/v1/tasks/{task}/claim", { path: { task: "t" }, body: { handle: new Secret("h") } }); // sealed
await client.endTask("t_07", "done"); // no such outcome
