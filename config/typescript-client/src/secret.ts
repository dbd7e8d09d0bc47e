// A text that does not print itself: not in logs, templates, JSON or the inspector. `reveal()` is the only way to it.

import { inspect } from "node:util";

const SHOWN = "[secret]";

export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return SHOWN;
  }

  toJSON(): string {
    return SHOWN;
  }

  [Symbol.toPrimitive](): string {
    return SHOWN;
  }

  [inspect.custom](): string {
    return SHOWN;
  }
}

type SealedMember<Name, Value> = Name extends "access_token" | "claim_handle"
  ? Secret | Extract<Value, undefined>
  : Name extends "secret"
    ? Readonly<Record<string, Secret>> | Extract<Value, undefined>
    : Value;

/** An answer whose secrets (`access_token`, `claim_handle`, `secret`) do not print themselves. */
export type Sealed<T> = T extends object ? { [Name in keyof T]: SealedMember<Name, T[Name]> } : T;

/** Seal what an answer delivers. Secrets stand at its top and nowhere else. */
export function sealed<T>(answer: T): Sealed<T> {
  if (typeof answer !== "object" || answer === null || Array.isArray(answer)) return answer as Sealed<T>;
  return Object.fromEntries(Object.entries(answer).map(([name, value]) => [name, member(name, value)])) as Sealed<T>;
}

function member(name: string, value: unknown): unknown {
  if (name === "access_token" || name === "claim_handle") return typeof value === "string" ? new Secret(value) : value;
  if (name !== "secret" || typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([word, text]) => [word, new Secret(String(text))]));
}
