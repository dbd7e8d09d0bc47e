// The heartbeats of one task, and the first news that it is over. A lost beat is made good by the next one.

import type { Task } from "./client.js";
import { BrokerProblem } from "./errors.js";
import { paused } from "./transport.js";

const BEATS_PER_TIMEOUT = 3; // two may be lost before the broker takes the agent for silent
const SHORTEST_PERIOD_MS = 10;
const SHORTEST_BEAT_MS = 1_000; // a slow answer is still news

/** Beat until the signal is aborted; return sooner, with true, when the broker says that the task is over. */
export async function beating(idleSeconds: number, beat: (signal: AbortSignal) => Promise<Task>, signal: AbortSignal): Promise<boolean> {
  if (idleSeconds <= 0) return false; // nobody listens for beats
  const periodMs = Math.max((idleSeconds * 1_000) / BEATS_PER_TIMEOUT, SHORTEST_PERIOD_MS);
  try {
    for (;;) {
      await paused(periodMs * (1 - 0.1 * Math.random()), signal); // a fleet does not beat at once
      const within = AbortSignal.timeout(Math.max(periodMs, SHORTEST_BEAT_MS));
      if (await isOver(beat(AbortSignal.any([signal, within])))) return true;
    }
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  }
}

async function isOver(beaten: Promise<Task>): Promise<boolean> {
  try {
    const task = await beaten;
    return !(task.alive || task.frozen); // a frozen one may be thawed
  } catch (error) {
    return saysOver(error);
  }
}

/** Whether a refusal says that the task is over, or never was the caller's. */
export function saysOver(error: unknown): boolean {
  return error instanceof BrokerProblem && (error.code === "task-closed" || error.code === "not-found");
}
