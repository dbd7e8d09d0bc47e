// A task that lives exactly as long as a block.
//
// - Heartbeats go out in the background, and held credentials are renewed.
// - It is ended on every way out: completed when the block returns, failed when it throws, cancelled when the process
//   is told to stop or the caller's own signal is aborted. The first ending stands.
// - What the block threw is what the caller sees. That the task could not be ended is a warning of the process then;
//   if the block threw nothing, it is the error.
// - When somebody else ends the task, `signal` is aborted, with TaskLost.

import { randomUUID } from "node:crypto";

import type { BrokerClient, IssueBody, IssuedCredential, OpenedTask, OpenTaskBody, Outcome, Report, Task } from "./client.js";
import { BrokerError, BrokerProblem, BrokerUnreachable, type Stopped, TaskLost, TokenSourceError } from "./errors.js";
import { guarded } from "./guard.js";
import { beating, saysOver } from "./heart.js";
import { HeldCredential } from "./held.js";
import type { Secret } from "./secret.js";
import { paused, pauseBefore } from "./transport.js";

const END_ATTEMPTS = 4;
const END_MS = 20_000;

/** Which task: a new one, one that is claimed by its handle, or one that names this instance. */
export type TaskChoice =
  | { readonly open: OpenTaskBody; readonly key?: string }
  | { readonly claim: string; readonly handle: Secret }
  | { readonly resume: string };

export interface ScopeOptions {
  /** Tells the block to stop: the task is cancelled then, if the block throws. */
  readonly signal?: AbortSignal;
  /** Whether SIGTERM, SIGINT and SIGHUP cancel the task before the process dies of them. */
  readonly guardsSignals?: boolean;
}

export class TaskScope implements AsyncDisposable {
  /** What the broker answered to the end: the first page of receipts. */
  report: Report | undefined;
  /** Aborted when the task was ended by somebody else, or is to be: give it to what you wait for. */
  readonly signal: AbortSignal;
  readonly #client: BrokerClient;
  readonly #opening: Promise<OpenedTask | Task>;
  readonly #controller = new AbortController();
  readonly #heart = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #held: HeldCredential[] = [];
  readonly #release: () => void;
  #opened: OpenedTask | Task | undefined;
  #stopped: Stopped | undefined;
  #ending: Promise<void> | undefined;

  private constructor(client: BrokerClient, choice: TaskChoice, { signal, guardsSignals = true }: ScopeOptions) {
    signal?.throwIfAborted();
    this.#client = client;
    this.#outer = signal;
    this.signal = signal ? AbortSignal.any([signal, this.#controller.signal]) : this.#controller.signal;
    this.#release = guardsSignals ? guarded((why) => this.#stop(why)) : () => undefined;
    this.#opening = begun(client, choice);
  }

  /** Begin: open, claim or resume. Whoever calls this ends it: prefer withTask. */
  static async enter(client: BrokerClient, choice: TaskChoice, options: ScopeOptions = {}): Promise<TaskScope> {
    const scope = new TaskScope(client, choice, options);
    await scope.#begin();
    return scope;
  }

  get id(): string {
    return this.opened.id;
  }

  /** The task as the broker opened it, or gave it to this instance. */
  get opened(): OpenedTask | Task {
    if (!this.#opened) throw new TypeError("the task has not begun");
    return this.#opened;
  }

  /** What the copy of the agent that shall do the job claims the task with; only of one that was opened for nobody yet. */
  get claimHandle(): Secret | undefined {
    return "claim_handle" in this.opened ? this.opened.claim_handle : undefined;
  }

  /** Whether the block was told to stop: what it throws then is no failure. */
  get isCancelled(): boolean {
    return this.#stopped !== undefined || this.#outer?.aborted === true;
  }

  /** Ask for one credential; it dies with the task at the latest. */
  async issue(wishes: IssueBody): Promise<IssuedCredential> {
    return this.#heeding(this.#client.issue(this.id, wishes, { signal: this.signal }));
  }

  /** Ask for a credential and keep it fresh until the task ends. */
  async credential(wishes: IssueBody): Promise<HeldCredential> {
    const held = await this.#heeding(HeldCredential.issued(this.#client, this.id, wishes, this.signal));
    if (this.#ending || this.#controller.signal.aborted) held.stop();
    this.#held.push(held);
    return held;
  }

  /** End the task. The first ending stands; that it was another one than this is TaskLost. */
  async end(outcome: Outcome, reason?: string): Promise<void> {
    this.#ending ??= this.#end(outcome, reason);
    await this.#ending;
  }

  /** For `await using`: a task that nobody has ended by then has failed. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ending) await this.end("failed", "left without an end");
    else await this.#ending.catch(() => undefined); // whoever ended it was told
  }

  async #begin(): Promise<void> {
    try {
      this.#opened = await this.#opening;
    } catch (error) {
      this.#release();
      throw error;
    }
    if (this.signal.aborted) {
      await this.end("cancelled", "cancelled while it was opened").catch(warn);
      this.signal.throwIfAborted();
    }
    if (!this.#opened.alive) {
      this.#release();
      throw new TaskLost(`the task ${this.id} is ${this.#opened.state}, or one above it`);
    }
    void this.#beat(this.#opened.idle_timeout_seconds);
  }

  async #beat(idleSeconds: number): Promise<void> {
    if (await beating(idleSeconds, (signal) => this.#client.beat(this.id, signal), this.#heart.signal)) this.#lose();
  }

  async #heeding<T>(asked: Promise<T>): Promise<T> {
    try {
      return await asked;
    } catch (error) {
      if (saysOver(error)) this.#lose();
      throw error;
    }
  }

  #lose(): void {
    if (this.#ending) return;
    this.#heart.abort();
    const why = new TaskLost(`the task ${this.id} was ended by somebody else`);
    for (const held of this.#held) held.stop(why);
    this.#controller.abort(why);
  }

  async #stop(why: Stopped): Promise<void> {
    this.#stopped = why;
    this.#controller.abort(why);
    this.#opened = await this.#opening; // one that is being opened is waited for, and ended
    await this.end("cancelled", why.message);
  }

  async #end(outcome: Outcome, reason?: string): Promise<void> {
    this.#heart.abort();
    for (const held of this.#held) held.stop();
    try {
      this.report = await told(this.#client, this.id, outcome, reason);
    } finally {
      this.#release();
    }
    const ended = this.report?.task;
    if (ended && ended.state !== outcome) {
      throw new TaskLost(`the task ${this.id} was ${ended.state} before, by ${ended.closed_by || ended.ended_by}`);
    }
  }
}

/** Run a block as a task, and return what it returns. */
export async function withTask<T>(
  client: BrokerClient,
  choice: TaskChoice,
  block: (task: TaskScope) => T | Promise<T>,
  options: ScopeOptions = {},
): Promise<T> {
  const task = await TaskScope.enter(client, choice, options);
  let returned: T;
  try {
    returned = await block(task);
  } catch (error) {
    const outcome = task.isCancelled ? "cancelled" : "failed";
    await task.end(outcome, error instanceof Error ? error.name : typeof error).catch(warn);
    throw error;
  }
  await task.end("completed");
  return returned;
}

function begun(client: BrokerClient, choice: TaskChoice): Promise<OpenedTask | Task> {
  if ("open" in choice) return client.openTask(choice.open, { key: choice.key ?? randomUUID() });
  if ("claim" in choice) return client.claimTask(choice.claim, choice.handle);
  return client.showTask(choice.resume);
}

/** Tell the end until the broker has heard it; undefined when it hears that it had already. */
async function told(client: BrokerClient, task: string, outcome: Outcome, reason?: string): Promise<Report | undefined> {
  const within = AbortSignal.timeout(END_MS);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await client.endTask(task, outcome, reason, within);
    } catch (error) {
      if (within.aborted) throw new BrokerUnreachable(`the end was not answered within ${END_MS / 1_000} s`, true);
      if (attempt > 1 && saysOver(error)) return undefined; // the try before had reached the broker after all
      if (attempt === END_ATTEMPTS || !isPassing(error)) throw error;
    }
    await paused(pauseBefore(attempt));
  }
}

function isPassing(error: unknown): boolean {
  if (error instanceof BrokerProblem) return error.isTemporary;
  return error instanceof BrokerUnreachable || error instanceof TokenSourceError;
}

function warn(error: unknown): void {
  process.emitWarning(`the task was not ended by us: ${error instanceof BrokerError ? error.message : typeof error}`, "BrokerWarning");
}
