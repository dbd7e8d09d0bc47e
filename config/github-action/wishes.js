// What a step asks for: `VARIABLE: capability scope scope…`, one a line.

import { ActionError } from "./runner.js";

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;
// What would change how later steps are run rather than what they know.
const RESERVED = new RegExp(
  "^((GITHUB|RUNNER|ACTIONS|INPUT|STATE|LD|DYLD|NODE|NPM_CONFIG|BASH|GIT_CONFIG|GIT_EXEC)_|GIT_(SSH|ASKPASS|CONFIG)|PYTHON|PERL5|RUBY(OPT|LIB)|(_|JDK_)?JAVA_(TOOL_)?OPTIONS|" +
    "(PATH|HOME|SHELL|ENV|IFS|PS4|PROMPT_COMMAND|CI|SSH_ASKPASS|EDITOR|VISUAL|PAGER|TMPDIR|HTTPS?_PROXY|ALL_PROXY|NO_PROXY)$)",
  "i",
);

export function wishes(text) {
  const lines = text.split(/\r?\n/).map((line) => line.trim()).filter((line) => line && !line.startsWith("#"));
  const asked = lines.map(wish);
  const names = asked.map((each) => each.variable.toUpperCase());
  if (new Set(names).size < names.length) throw new ActionError("credentials: two set one variable");
  return asked;
}

export function checkVariable(name) {
  if (!VARIABLE.test(name) || RESERVED.test(name)) {
    throw new ActionError(`credentials: ${JSON.stringify(name)} cannot be set: use a name of your own`);
  }
}

function wish(line) {
  const [, variable, rest] = /^([^:\s]+)\s*:\s*(.*)$/.exec(line) ?? [];
  const [capability, ...scopes] = (rest ?? "").split(/\s+/).filter(Boolean);
  if (!variable || !capability || !scopes.length) {
    throw new ActionError("credentials: write VARIABLE: capability scope, one a line");
  }
  checkVariable(variable);
  return { variable, capability, scopes };
}
