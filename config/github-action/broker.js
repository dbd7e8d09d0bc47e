// The broker as a job calls it: with a token of the job's own, asked for anew for every call.

import { ActionError, input, mask, required } from "./runner.js";

const ATTEMPTS = 5;
const ANSWER_MS = 15_000;
const LOOPBACK = new Set(["127.0.0.1", "[::1]", "localhost"]);

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export function brokerUrl() {
  const text = required("url");
  const url = URL.canParse(text) ? new URL(text) : null;
  const isSafe = url?.protocol === "https:" || (url?.protocol === "http:" && LOOPBACK.has(url.hostname));
  if (!isSafe || url.username || url.search || url.hash) {
    throw new ActionError("url: write https://host, without a query");
  }
  return text.replace(/\/+$/, "");
}

// The job's token (permission id-token: write). It is good for minutes, so none is kept.
async function jobToken() {
  const [url, bearer] = [process.env.ACTIONS_ID_TOKEN_REQUEST_URL, process.env.ACTIONS_ID_TOKEN_REQUEST_TOKEN];
  if (!url || !bearer) throw new ActionError("the job may not ask for its token: write permissions: {id-token: write}");
  const asked = new URL(url);
  asked.searchParams.set("audience", input("audience") || "jit-broker");
  const answer = await repeated(() => sent(asked, { headers: { Authorization: `Bearer ${bearer}` } }));
  const { value } = await answer.json().catch(() => ({}));
  if (!answer.ok || typeof value !== "string") throw new ActionError(`GitHub gave no token (${answer.status})`);
  mask(value);
  return value;
}

// POST, and return status and body. A repeat has the effect of one: by the key where something is given.
export async function post(path, body, key = "") {
  const headers = { "Content-Type": "application/json", Authorization: `Bearer ${await jobToken()}` };
  if (key) headers["Idempotency-Key"] = key;
  const options = { method: "POST", headers, body: JSON.stringify(body) };
  const answer = await repeated(() => sent(`${brokerUrl()}${path}`, options));
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new ActionError(problem(answer.status, told));
  return { status: answer.status, told };
}

function sent(url, options) {
  return fetch(url, { ...options, redirect: "error", signal: AbortSignal.timeout(ANSWER_MS) });
}

async function repeated(call) {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await call().catch((error) => error);
    const isTransient = answer instanceof Error || answer.status === 429 || answer.status >= 500;
    if (!isTransient) return answer;
    if (attempt === ATTEMPTS) {
      if (answer instanceof Error) throw new ActionError(`no answer: ${answer.cause?.code ?? answer.name}`);
      return answer;
    }
    await sleep(250 * 2 ** attempt);
  }
}

function problem(status, told) {
  const said = [told.title, told.field, told.detail, told.decision].filter((each) => typeof each === "string" && each);
  return `the broker answered ${status}: ${said.join(", ") || "nothing that it would say"}`;
}
