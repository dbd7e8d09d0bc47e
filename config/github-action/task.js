// The task of a job: opened or taken on, used, ended.
//
// What a task will be opened with is saved before it is opened. So a job that dies in between
// leaves nothing open: its post step opens the same task again, by the same key, and ends it.

import { post } from "./broker.js";
import { ActionError, input, mask, required, saveState, savedState, setVariable } from "./runner.js";
import { checkVariable } from "./wishes.js";

const ENDS = { success: "complete", failure: "fail", cancelled: "cancel" };

export async function takeOrOpen(asked) {
  const task = input("task");
  if (!task) return open(asked);
  saveState("task", task);
  const handle = input("claim-handle");
  if (handle) {
    mask(handle);
    await claim(task, handle);
  }
  return task;
}

async function open(asked) {
  const order = { body: opening(asked), key: keyOf("open") };
  saveState("order", JSON.stringify(order));
  const { told } = await post("/v1/tasks", order.body, order.key);
  saveState("task", told.id);
  mask(told.claim_handle);
  await claim(told.id, told.claim_handle);
  return told.id;
}

function opening(asked) {
  if (!asked.length) throw new ActionError("credentials: without a task, say what the new one is for");
  const seconds = Number(input("ttl-seconds") || "3600");
  if (!Number.isInteger(seconds) || seconds < 1) throw new ActionError("ttl-seconds: write a whole number");
  const ceiling = new Map();
  for (const { capability, scopes } of asked) {
    ceiling.set(capability, new Set([...(ceiling.get(capability) ?? []), ...scopes]));
  }
  return {
    name: required("name"),
    agent: required("agent"),
    tenant: required("tenant"),
    ceiling: [...ceiling].map(([capability, scopes]) => ({ capability, scopes: [...scopes] })),
    ttl_seconds: seconds,
    idle_timeout_seconds: seconds,
  };
}

const claim = (task, handle) => post(`/v1/tasks/${encodeURIComponent(task)}/claim`, { handle });

// Ask for a credential, and set its variable.
export async function issue(task, { variable, capability, scopes }) {
  const path = `/v1/tasks/${encodeURIComponent(task)}/credentials`;
  const { status, told } = await post(path, { capability, scopes }, keyOf(`issue.${variable}`));
  if (status !== 201) throw new ActionError(`${capability}: people have to agree first, and a job waits for nobody`);
  const words = told.secret ?? { "": told.access_token };
  for (const [name, value] of Object.entries(words)) {
    mask(value);
    const full = name ? `${variable}_${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, "_")}` : variable;
    checkVariable(full);
    setVariable(full, value);
  }
}

// End what the main step has begun, however far it came. Return the task, or nothing if there is none.
export async function end() {
  const task = savedState("task") || (await opened());
  if (!task) return "";
  const verb = ENDS[input("job-status")] ?? "fail";
  await post(`/v1/tasks/${encodeURIComponent(task)}/${verb}`, { reason: `job: ${input("job-status") || "unknown"}`.slice(0, 60) });
  return task;
}

async function opened() {
  const saved = savedState("order");
  if (!saved) return "";
  const { body, key } = JSON.parse(saved);
  const { told } = await post("/v1/tasks", body, key);
  if (told.claim_handle) mask(told.claim_handle);
  return told.id;
}

// The same for every attempt of one step of one attempt of one job, and for nothing else.
function keyOf(what) {
  const parts = ["GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_JOB", "GITHUB_ACTION"].map((name) => process.env[name] ?? "");
  return ["gha", ...parts, what].join(".").replaceAll(/[^A-Za-z0-9._:-]/g, "-").slice(-128);
}
