import { run } from "./runner.js";
import { end } from "./task.js";

await run(async () => {
  const task = await end();
  process.stdout.write(task ? `ended ${task}\n` : "no task was begun\n");
});
