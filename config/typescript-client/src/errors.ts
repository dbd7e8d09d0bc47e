// What can go wrong, as types. Catch BrokerError for all of them.

const MAX_TEXT = 2_000;
const SECONDS = /^[0-9]{1,9}$/;

export class BrokerError extends Error {
  override get name(): string {
    return this.constructor.name;
  }
}

/** The broker refused: `code` is the stable word, `decision` what an operator looks up to see why. */
export class BrokerProblem extends BrokerError {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  /** The member, parameter or header to mend; empty: none in particular. */
  readonly field: string;
  readonly decision: string;
  /** Seconds to wait before the same request may be granted; undefined: the broker does not say. */
  readonly retryAfter: number | undefined;

  constructor(status: number, body: unknown, retryAfter: string | null = null) {
    const told: Record<string, unknown> = typeof body === "object" && body !== null ? { ...body } : {};
    const text = (name: string): string => printable(told[name]);
    const code = text("error") || text("type").split("/").at(-1) || "";
    const detail = text("detail") || text("error_description");
    super(`${status} ${code}: ${detail || text("title") || "the answer is no problem document"}`);
    this.status = status;
    this.code = code;
    this.title = text("title");
    this.detail = detail;
    this.field = text("field");
    this.decision = text("decision");
    this.retryAfter = retryAfter !== null && SECONDS.test(retryAfter) ? Number(retryAfter) : undefined;
  }

  /** Whether the same request may be granted in a moment. */
  get isTemporary(): boolean {
    const isOfAGateway = this.code === "" && (this.status === 502 || this.status === 504);
    return this.status === 503 || this.code === "too-many-requests" || isOfAGateway;
  }
}

/** No answer came. */
export class BrokerUnreachable extends BrokerError {
  /** Whether the broker can have acted: repeat the request with the same key, and with no other. */
  readonly mayHaveActed: boolean;

  constructor(message: string, mayHaveActed: boolean) {
    super(message);
    this.mayHaveActed = mayHaveActed;
  }
}

/** What came is no answer of a broker: a redirect, too long, or not JSON. */
export class AnswerError extends BrokerError {}

/** The caller's own workload token could not be had. */
export class TokenSourceError extends BrokerError {}

/** The task was ended by somebody else, or is not alive. Stop working. */
export class TaskLost extends BrokerError {}

/** The process was told to stop, and the task was cancelled. */
export class Stopped extends BrokerError {}

/** The credential has expired or its task is over, and there will be no younger one. */
export class CredentialOver extends BrokerError {}

function printable(value: unknown): string {
  if (typeof value !== "string") return "";
  return value.slice(0, MAX_TEXT).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (c) => `\\u{${c.codePointAt(0)!.toString(16)}}`);
}
