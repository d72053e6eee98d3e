/* What the administration asks of the server. Every call throws `Problem` with the server's own sentence. */

import { getJson, request, sendJson, Problem } from './api.ts';
import type { Json, JsonObject } from './json.ts';
import { csrfHeaders } from './session.ts';

export interface IndexSettings {
  name: string;
  intervals: number; /* days that are kept */
  max_bytes: number; /* 0: no limit */
  queue_name: string;
  exchange: string;
  routing_key: string; /* several: a comma list; empty: no broker sends to it */
  durable: boolean;
  num_processes: number;
  timestamp_zone: string;
  text_fields: string[];
}

export interface Input {
  broker: string;
  state: string;
  why: string;
}

export interface AdminIndex {
  settings: IndexSettings;
  records: number;
  bytes: number;
  inputs: Input[];
}

export const FLAGS = ['filtered', 'display', 'excluded', 'context', 'indexed'] as const;
export type Flag = typeof FLAGS[number];
export type FieldFlags = { name: string } & Record<Flag, boolean>;

export interface SavedSearch {
  name: string;
  url: string;
  description: string;
  default_field: string | null;
}

export type Role = 'reader' | 'writer' | 'admin';
export const ROLES: readonly Role[] = ['reader', 'writer', 'admin'];

export interface User {
  name: string;
  role: Role;
  has_password: boolean;
  created: string;
  tokens: { name: string; created: string }[];
}

const INDEXES = '/api/v1/indexes';
const USERS = '/api/v1/users';

function at(...parts: string[]): string {
  return parts.map((part, i) => (i === 0 ? part : encodeURIComponent(part))).join('/');
}

/* The values that are read here are short and not anybody's log: plain JSON. */
function plain(json: Json): unknown {
  if (json instanceof Map) return Object.fromEntries([...json as JsonObject].map(([name, value]) => [name, plain(value)]));
  if (Array.isArray(json)) return json.map(plain);
  return typeof json === 'object' && json !== null ? Number(json) : json;
}

async function read(path: string, signal?: AbortSignal): Promise<unknown> {
  return plain(await getJson(path, signal));
}

async function send(method: string, path: string, body?: unknown): Promise<unknown> {
  const response = await request(path, () =>
    body === undefined ? { method, headers: csrfHeaders() } : sendJson(method, body, csrfHeaders()));
  return response.status === 204 ? null : response.json();
}

interface IndexAnswer extends IndexSettings {
  stats?: { records?: number; bytes?: number };
  inputs?: Input[];
}

export async function adminIndexes(signal?: AbortSignal): Promise<AdminIndex[]> {
  const { indexes } = await read(INDEXES, signal) as { indexes: IndexAnswer[] };
  return indexes.map((index) => ({
    settings: index,
    records: index.stats?.records ?? 0,
    bytes: index.stats?.bytes ?? 0,
    inputs: index.inputs ?? [],
  }));
}

export async function createIndex(name: string): Promise<void> {
  await send('POST', INDEXES, { name });
}

export async function changeIndex(name: string, settings: Partial<IndexSettings>): Promise<void> {
  await send('PATCH', at(INDEXES, name), settings);
}

export async function dropIndex(name: string): Promise<void> {
  await send('DELETE', at(INDEXES, name));
}

export async function compactIndex(name: string): Promise<void> {
  await send('POST', `${at(INDEXES, name)}/compact`);
}

export async function indexFields(name: string, signal?: AbortSignal): Promise<FieldFlags[]> {
  return (await read(`${at(INDEXES, name)}/fields`, signal) as { fields: FieldFlags[] }).fields;
}

export async function changeField(index: string, field: string, flags: Partial<Record<Flag, boolean>>): Promise<void> {
  await send('PATCH', `${at(INDEXES, index)}/fields/${encodeURIComponent(field)}`, flags);
}

function shortcuts(index: string): string {
  return `${at(INDEXES, index)}/shortcuts`;
}

export async function savedSearches(index: string, signal?: AbortSignal): Promise<SavedSearch[]> {
  return (await read(shortcuts(index), signal) as { shortcuts: SavedSearch[] }).shortcuts;
}

export async function createSearch(index: string, search: SavedSearch): Promise<void> {
  await send('POST', shortcuts(index), search);
}

export async function changeSearch(index: string, { name, ...rest }: SavedSearch): Promise<void> {
  await send('PATCH', `${shortcuts(index)}/${encodeURIComponent(name)}`, rest);
}

export async function dropSearch(index: string, name: string): Promise<void> {
  await send('DELETE', `${shortcuts(index)}/${encodeURIComponent(name)}`);
}

export async function users(signal?: AbortSignal): Promise<User[]> {
  return (await read(USERS, signal) as { users: User[] }).users;
}

/* An empty password: the user has only tokens. */
export async function addUser(name: string, role: Role, password: string): Promise<void> {
  await send('POST', USERS, { name, role, ...(password === '' ? {} : { password }) });
}

export async function changeUser(name: string, change: { role?: Role; password?: string }): Promise<void> {
  await send('PATCH', at(USERS, name), change);
}

export async function dropUser(name: string): Promise<void> {
  await send('DELETE', at(USERS, name));
}

/* The token's text, which the server shows this once. */
export async function addToken(user: string, name: string): Promise<string> {
  const answer = await send('POST', `${at(USERS, user)}/tokens`, name === '' ? {} : { name }) as { token: string };
  return answer.token;
}

export async function dropToken(user: string, name: string): Promise<void> {
  await send('DELETE', `${at(USERS, user)}/tokens/${encodeURIComponent(name)}`);
}

export function sentence(error: unknown): string {
  return error instanceof Problem || error instanceof Error ? error.message : String(error);
}
