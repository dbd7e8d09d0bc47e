// A resource server that follows the feed. Prints a line of JSON for each message, and for each break.

import { BrokerClient, tokenFile } from "jit-broker-client";

const { BROKER_URL = "", BROKER_TOKEN_FILE = "", SILENCE_MS = "5000" } = process.env;
const client = new BrokerClient(BROKER_URL, BROKER_TOKEN_FILE ? tokenFile(BROKER_TOKEN_FILE) : () => "workload");
const ends = new AbortController();
process.stdin.on("end", () => ends.abort()).resume();

const options = {
  subscriber: "orders-typed-1",
  signal: ends.signal,
  silenceMs: Number(SILENCE_MS),
  onBreak: (why: Error) => console.log(JSON.stringify({ type: "break", why: why.message })),
};
for await (const message of client.feed(options)) {
  if (message.type === "alive") continue;
  if (message.type === "frame") console.log(JSON.stringify({ type: "frame", dead: message.events, seq: message.at.seq }));
  else console.log(JSON.stringify({ type: "snapshot", dead: message.events, first: message.first, more: message.more }));
}
console.log(JSON.stringify({ type: "ended" }));
