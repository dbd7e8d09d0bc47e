// An agent with a key of its own. Prints one line of JSON: what a request to a resource server carries.

import { inspect } from "node:util";

import { BrokerClient, DpopKey, tokenFile, withTask } from "jit-broker-client";

const { BROKER_URL = "", BROKER_TOKEN_FILE = "", TASK = "", URL_OF_ORDERS = "" } = process.env;
const key = await DpopKey.generate();
const client = new BrokerClient(BROKER_URL, tokenFile(BROKER_TOKEN_FILE), { key });

await withTask(client, { resume: TASK }, async (task) => {
  const orders = await task.credential({ capability: "orders-api", scopes: ["orders:read"], ttl_seconds: 60 });
  const again = await client.renew(orders.current.id);
  const requests = [await orders.headers("GET", URL_OF_ORDERS), await orders.headers("GET", `${URL_OF_ORDERS}?page=2#x`)];
  const heard = ["a", "a", "b", " not one "].map((nonce) => key.heed(URL_OF_ORDERS, new Headers({ "DPoP-Nonce": nonce })));
  const isShown = inspect(key, { depth: 9, showHidden: true }).includes('"d"');
  console.log(JSON.stringify({ types: [orders.current.token_type, again.token_type], thumbprint: key.thumbprint, requests, heard, isShown }));
});
