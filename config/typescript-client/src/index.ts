export type { Answer, Carried, Method, RouteOf, Schemas } from "./api.js";
export {
  BrokerClient,
  type ClientOptions,
  type Credential,
  type IssueBody,
  type IssuedCredential,
  type Keyed,
  type OpenedTask,
  type OpenTaskBody,
  type Outcome,
  type Report,
  type Task,
} from "./client.js";
export { DpopKey } from "./dpop.js";
export { tokenFile, type TokenSource } from "./endpoint.js";
export {
  AnswerError,
  BrokerError,
  BrokerProblem,
  BrokerUnreachable,
  CredentialOver,
  Stopped,
  TaskLost,
  TokenSourceError,
} from "./errors.js";
export { type Denial, FeedError, type FeedMessage, type FeedOptions, type Position } from "./feed.js";
export { HeldCredential } from "./held.js";
export { type ScopeOptions, type TaskChoice, TaskScope, withTask } from "./scope.js";
export { type Sealed, Secret } from "./secret.js";
