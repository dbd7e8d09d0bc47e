// What the generated types say of each route, in the words of a call.

import type { components, paths } from "./generated.js";
import type { Sealed } from "./secret.js";

export type Schemas = components["schemas"];
export type Method = "get" | "post" | "delete";

/** The routes that know a method. */
export type RouteOf<M extends Method> = { [R in keyof paths]: paths[R] extends { [K in M]: object } ? R : never }[keyof paths];

export type Operation<M extends Method, R extends RouteOf<M>> = paths[R][M];

type Parameters<O> = O extends { parameters: infer P } ? P : never;
type IfAny<T, Then> = [T] extends [never] ? never : Then;
type BodyOf<O> = O extends { requestBody?: infer B } ? NonNullable<B> : never;
type BodyAs<O, Type extends string> = BodyOf<O> extends infer B ? (B extends { content: { [K in Type]: infer T } } ? T : never) : never;
type HeaderOf<O> = Parameters<O> extends { header?: infer H } ? NonNullable<H> : never;

/** What a part of a call is when it is wanted, may be left out, or makes no sense. */
type Wanted<Name extends string, T> = [T] extends [never] ? { readonly [K in Name]?: never } : { readonly [K in Name]: T };
type Optional<Name extends string, T> = [T] extends [never] ? { readonly [K in Name]?: never } : { readonly [K in Name]?: T };
type PathOf<O> = Parameters<O> extends { path: infer P extends object } ? P : never;
type QueryOf<O> = Parameters<O> extends { query?: infer Q } ? NonNullable<Q> : never;
type KeyOf<O> = IfAny<HeaderOf<O>, "Idempotency-Key" extends keyof HeaderOf<O> ? string : never>;

/** All that one call carries. Whatever makes or changes something by a key must be given one. */
export type Carried<M extends Method, R extends RouteOf<M>, O = Operation<M, R>> = Wanted<"path", PathOf<O>> &
  Optional<"query", QueryOf<O>> &
  Wanted<"body", BodyAs<O, "application/json">> &
  Wanted<"form", BodyAs<O, "application/x-www-form-urlencoded">> &
  Wanted<"key", KeyOf<O>> & { readonly signal?: AbortSignal };

type Good = 200 | 201 | 202 | 204;
type JsonOf<T> = T extends { content: { "application/json": infer B } } ? Sealed<B> : undefined;

/** What comes back when it went well: the status says which shape the body has. */
export type Answer<M extends Method, R extends RouteOf<M>, O = Operation<M, R>> = O extends { responses: infer A }
  ? { [S in keyof A & Good]: { readonly status: S; readonly body: JsonOf<A[S]> } }[keyof A & Good]
  : never;
