// An agent that works until it is told to stop. Each line that it prints is JSON: what has happened.

import { BrokerClient, tokenFile, withTask } from "jit-broker-client";

const { BROKER_URL = "", BROKER_TOKEN_FILE = "", TASK = "", TTL = "300", DO = "wait" } = process.env;
const client = new BrokerClient(BROKER_URL, tokenFile(BROKER_TOKEN_FILE), { timeoutMs: 5_000, patienceMs: 8_000 });
const say = (what: object): void => console.log(JSON.stringify(what));
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

try {
  await withTask(client, { resume: TASK }, async (task) => {
    const orders = await task.credential({ capability: "orders-api", scopes: ["orders:read"], ttl_seconds: Number(TTL) });
    if (DO === "target") {
      for (let seen = ""; !task.signal.aborted; await pause(50)) {
        const words = (await orders.secret())["password"]?.reveal() ?? "";
        if (words !== seen) say({ words });
        seen = words;
      }
    }
    if (DO !== "unsaid") say({ began: task.id, token: (await orders.token()).reveal() });
    if (DO === "throw" || DO === "unsaid") throw new RangeError("it went wrong");
    for (let seen = orders.current.generation; DO === "wait" && !task.signal.aborted; await pause(50)) {
      const { generation } = orders.current;
      if (generation === seen) continue;
      seen = generation;
      say({ generation, token: (await orders.token()).reveal() });
    }
    task.signal.throwIfAborted();
  });
  say({ ended: "well" });
} catch (error) {
  say({ threw: error instanceof Error ? error.name : typeof error });
}
