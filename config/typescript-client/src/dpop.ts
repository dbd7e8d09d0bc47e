// The key of an agent, and the proofs that it makes with it (RFC 9449 §4.2), by WebCrypto.
//
// Give one to the client: every credential is then bound to it, and of no use to whoever steals the token alone. The
// private half cannot be read out, not even by this process.

import { createHash, randomUUID, webcrypto } from "node:crypto";

import type { Secret } from "./secret.js";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const NONCE = /^[\x21\x23-\x5B\x5D-\x7E]{1,512}$/; // RFC 9449 §8.1
const MOST_ORIGINS = 64;

export class DpopKey {
  /** What a credential is bound to (RFC 7638): `cnf.jkt` of its token. */
  readonly thumbprint: string;
  readonly #signs: webcrypto.CryptoKey;
  readonly #jwk: Readonly<Record<string, string>>;
  readonly #nonces = new Map<string, string>();

  private constructor(signs: webcrypto.CryptoKey, jwk: Readonly<Record<string, string>>) {
    this.#signs = signs;
    this.#jwk = jwk;
    this.thumbprint = sha256(JSON.stringify(jwk));
  }

  /** Make a key that never leaves the process. One for each running agent. */
  static async generate(): Promise<DpopKey> {
    const pair = await webcrypto.subtle.generateKey(ALGORITHM, false, ["sign"]);
    const { crv = "", x = "", y = "" } = await webcrypto.subtle.exportKey("jwk", pair.publicKey);
    return new DpopKey(pair.privateKey, { crv, kty: "EC", x, y }); // in the order in which RFC 7638 hashes them
  }

  /** Make the `DPoP` header of one request; `token` is what goes along in `Authorization`. */
  async proof(method: string, url: string, token?: Secret): Promise<string> {
    const { origin, pathname } = new URL(url);
    const nonce = this.#nonces.get(origin);
    const claims = {
      jti: randomUUID(),
      htm: method,
      htu: `${origin}${pathname}`,
      iat: Math.floor(Date.now() / 1_000),
      ...(token ? { ath: sha256(token.reveal()) } : {}),
      ...(nonce ? { nonce } : {}),
    };
    const input = [{ typ: "dpop+jwt", alg: "ES256", jwk: this.#jwk }, claims].map((part) => encoded(JSON.stringify(part))).join(".");
    return `${input}.${encoded(new Uint8Array(await webcrypto.subtle.sign(ALGORITHM, this.#signs, Buffer.from(input))))}`;
  }

  /** All that a request to a resource server carries: the token and its proof. Make them anew for each. */
  async headers(method: string, url: string, token: Secret): Promise<Record<string, string>> {
    return { Authorization: `DPoP ${token.reveal()}`, DPoP: await this.proof(method, url, token) };
  }

  /**
   * Take the nonce out of an answer, for the next proofs to its origin (§8, §9). Returns whether it is news: a request
   * that was refused for want of it may then be sent once more.
   */
  heed(url: string, headers: Headers): boolean {
    const nonce = headers.get("DPoP-Nonce") ?? "";
    const { origin } = new URL(url);
    if (!NONCE.test(nonce) || this.#nonces.get(origin) === nonce) return false;
    this.#nonces.delete(origin);
    this.#nonces.set(origin, nonce);
    if (this.#nonces.size > MOST_ORIGINS) this.#nonces.delete(this.#nonces.keys().next().value ?? "");
    return true;
  }
}

const encoded = (data: string | Uint8Array): string => Buffer.from(data).toString("base64url");
const sha256 = (text: string): string => createHash("sha256").update(text).digest("base64url");
