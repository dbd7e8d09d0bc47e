// A credential that is always the current one: renewed ahead of its expiry, shared by all.
//
// - Renewal begins between 60 and 80 % of a token's life, drawn anew each time.
// - However many ask, one renewal is under way, and it carries one idempotency key until it has worked.
// - A renewal that is refused leaves the token that is there until it expires. Only when the broker says that the
//   credential or its task is over, it is dead at once.
// - One at a target that cannot be renewed is followed by another one, and given back five seconds later.

import { randomUUID } from "node:crypto";

import type { BrokerClient, IssueBody, IssuedCredential } from "./client.js";
import { BrokerError, BrokerProblem, CredentialOver } from "./errors.js";
import type { Secret } from "./secret.js";
import { pauseBefore } from "./transport.js";

const EARLIEST = 0.6;
const LATEST = 0.8;
const FIRST_PAUSE_MS = 500;
const LONGEST_SLEEP_MS = 60_000; // a machine may sleep meanwhile: the clocks are looked at again so often
const HAND_OVER_MS = 5_000;
const DEAD = new Set(["credential-ended", "task-closed", "task-frozen", "not-found"]);

interface Instant {
  readonly steady: number;
  readonly wall: number;
}

const now = (): Instant => ({ steady: performance.now(), wall: Date.now() });
/** How long ago it was, by the clock that says more. */
const since = (then: Instant): number => Math.max(performance.now() - then.steady, Date.now() - then.wall);

export class HeldCredential {
  readonly #client: BrokerClient;
  readonly #task: string;
  readonly #wishes: IssueBody;
  #current: IssuedCredential;
  #asked: Instant;
  #dueMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #flight: Promise<void> | undefined;
  #key: string = randomUUID();
  #failures = 0;
  #failure: BrokerError | undefined;
  #over: BrokerError | undefined;

  private constructor(client: BrokerClient, task: string, wishes: IssueBody, first: IssuedCredential, asked: Instant) {
    this.#client = client;
    this.#task = task;
    this.#wishes = wishes;
    this.#current = first;
    this.#asked = asked;
    this.#plan();
  }

  /** Ask for a credential, and keep it fresh from here on. */
  static async issued(client: BrokerClient, task: string, wishes: IssueBody, signal: AbortSignal): Promise<HeldCredential> {
    const asked = now();
    return new HeldCredential(client, task, wishes, await client.issue(task, wishes, { signal }), asked);
  }

  /** The newest answer of the broker, whatever has become of it since. */
  get current(): IssuedCredential {
    return this.#current;
  }

  /** Why the newest try to renew has failed; undefined when it has not. */
  get failure(): BrokerError | undefined {
    return this.#failure;
  }

  /** The current token: ask anew before each request. Waits only when it has expired and is being renewed. */
  async token(): Promise<Secret> {
    const { access_token: token } = await this.#live();
    if (token === undefined) throw new CredentialOver("this credential is no token: it lives at a target, use secret()");
    return token;
  }

  /** All that a request to a resource server carries: the current token, and a proof where it is bound. Make them anew for each. */
  async headers(method: string, url: string): Promise<Record<string, string>> {
    const token = await this.token();
    const key = this.#client.key;
    if (this.#current.token_type === "DPoP" && key) return key.headers(method, url, token);
    return { Authorization: `Bearer ${token.reveal()}` };
  }

  /** The current words of a credential at a target: ask anew whenever you connect. */
  async secret(): Promise<Readonly<Record<string, Secret>>> {
    return (await this.#live()).secret ?? {};
  }

  /** Hand out and renew nothing from here on. */
  stop(why: BrokerError = new CredentialOver("its task has ended")): void {
    this.#over ??= why;
    clearTimeout(this.#timer);
  }

  async #live(): Promise<IssuedCredential> {
    if (!this.#over && this.#isExpired()) await this.#renewed();
    if (this.#over) throw this.#over;
    if (this.#isExpired()) throw this.#failure ?? new CredentialOver("the credential has expired");
    return this.#current;
  }

  #isExpired(): boolean {
    return since(this.#asked) >= this.#current.expires_in * 1_000;
  }

  get #mayHaveAnother(): boolean {
    const { target, renewable, expires_at: ends, max_expires_at: last } = this.#current;
    return target !== undefined || (renewable && Date.parse(ends) < Date.parse(last));
  }

  #plan(): void {
    const lifeMs = this.#current.expires_in * 1_000;
    this.#dueMs = lifeMs * (EARLIEST + (LATEST - EARLIEST) * Math.random());
    if (this.#mayHaveAnother) this.#wake(this.#dueMs - since(this.#asked));
  }

  #wake(inMs: number): void {
    clearTimeout(this.#timer);
    if (this.#over) return;
    this.#timer = setTimeout(() => void this.#look(), Math.max(0, Math.min(inMs, LONGEST_SLEEP_MS)));
    this.#timer.unref(); // it keeps no process alive
  }

  async #look(): Promise<void> {
    const leftMs = this.#dueMs - since(this.#asked);
    if (leftMs > 0) this.#wake(leftMs);
    else await this.#renewed();
  }

  #renewed(): Promise<void> {
    if (this.#over || !this.#mayHaveAnother) return Promise.resolve();
    this.#flight ??= this.#renew().finally(() => (this.#flight = undefined));
    return this.#flight;
  }

  async #renew(): Promise<void> {
    const asked = now();
    const former = this.#current;
    try {
      const younger = await this.#younger(former);
      const isSame = younger.id === former.id;
      this.#current = isSame && !hasWords(younger) && former.secret ? { ...younger, secret: former.secret } : younger;
      this.#asked = asked;
      this.#key = randomUUID();
      this.#failures = 0;
      this.#failure = undefined;
      if (!isSame) setTimeout(() => void this.#client.giveBack(former.id).catch(() => undefined), HAND_OVER_MS).unref();
      this.#plan();
    } catch (error) {
      this.#failed(error);
    }
  }

  #younger(former: IssuedCredential): Promise<IssuedCredential> {
    const key = this.#key;
    if (former.target !== undefined && !former.renewable) return this.#client.issue(this.#task, this.#wishes, { key });
    const { ttl_seconds = null } = this.#wishes;
    return this.#client.renew(former.id, { ttl_seconds }, { key });
  }

  #failed(error: unknown): void {
    this.#failure = error instanceof BrokerError ? error : new BrokerError("the credential could not be renewed");
    if (error instanceof BrokerProblem && DEAD.has(error.code)) return this.stop(error);
    const isFinal = error instanceof BrokerProblem && error.status < 500 && error.status !== 429 && error.status !== 401;
    if (isFinal) return; // the token that is there lives on
    this.#failures += 1;
    this.#wake(FIRST_PAUSE_MS + pauseBefore(this.#failures, FIRST_PAUSE_MS));
  }
}

const hasWords = (credential: IssuedCredential): boolean => Object.keys(credential.secret ?? {}).length > 0;
