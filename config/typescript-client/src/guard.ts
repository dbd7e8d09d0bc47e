// What happens to open tasks when the process is told to stop: they are cancelled first, then it dies of the signal.
//
// Where the program has listeners of its own for that signal, it decides itself when to go. A second signal does not
// wait. What nobody can catch (SIGKILL, a crash, process.exit) leaves the end to the idle timeout.

import { Stopped } from "./errors.js";

type Cancel = (why: Stopped) => Promise<void>;

const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;
const cancels = new Set<Cancel>();
let isStopping = false;

/** Have something cancelled when the process is told to stop. Returns what takes that back. */
export function guarded(cancel: Cancel): () => void {
  if (isStopping) throw new Stopped("the process is stopping: no task is begun");
  // Ahead of the others: one that listens just once is gone by its turn, and would not be counted.
  if (cancels.size === 0) for (const signal of SIGNALS) process.prependListener(signal, stop);
  cancels.add(cancel);
  return () => {
    if (cancels.delete(cancel) && cancels.size === 0 && !isStopping) unlisten();
  };
}

function stop(signal: NodeJS.Signals): void {
  const isOurs = process.listenerCount(signal) === 1;
  const die = (): void => {
    unlisten();
    if (isOurs) process.kill(process.pid, signal);
  };
  if (isStopping) return isOurs ? die() : undefined;
  isStopping = true;
  void Promise.allSettled([...cancels].map((cancel) => cancel(new Stopped(`${signal} came`)))).then(() => {
    isStopping = false;
    if (isOurs || cancels.size === 0) die();
  });
}

function unlisten(): void {
  for (const signal of SIGNALS) process.off(signal, stop);
}
