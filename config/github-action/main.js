import { input, run, setOutput } from "./runner.js";
import { issue, takeOrOpen } from "./task.js";
import { wishes } from "./wishes.js";

await run(async () => {
  const asked = wishes(input("credentials"));
  const task = await takeOrOpen(asked);
  setOutput("task", task);
  for (const wish of asked) await issue(task, wish);
});
