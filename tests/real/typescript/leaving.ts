// A task that is left in the ways that are neither a return, nor a throw, nor a death. Prints what has happened, a line each.

import { setTimeout as pause } from "node:timers/promises";

import { BrokerClient, TaskScope, withTask } from "jit-broker-client";

const { BROKER_URL = "", TASK = "", DO = "" } = process.env;
const client = new BrokerClient(BROKER_URL, () => "workload");
const choice = { resume: TASK };

async function untilAborted({ signal }: TaskScope): Promise<void> {
  console.log('{"began": true}');
  while (!signal.aborted) await pause(20);
  signal.throwIfAborted();
}

if (DO === "using" || DO === "ended") {
  await using task = await TaskScope.enter(client, choice);
  if (DO === "ended") await task.end("completed");
} else if (DO === "aborted") {
  const controller = new AbortController();
  const block = (task: TaskScope): Promise<void> => {
    setTimeout(() => controller.abort(new RangeError("enough")), 20);
    return untilAborted(task);
  };
  await withTask(client, choice, block, { signal: controller.signal }).catch((error: unknown) => console.log(`"${error}"`));
} else if (DO === "listened") {
  process.once("SIGTERM", () => console.log('"heard"'));
  await withTask(client, choice, untilAborted).catch((error: unknown) => console.log(`"${error}"`));
  await pause(100);
  console.log('"went on"');
}
