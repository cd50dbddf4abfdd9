#!/usr/bin/env node
// Reads an integration's pair from fsm-vault over its Unix socket, and follows its rotation. No packages.
//
//     FSM_VAULT_IDENTITY=/etc/fsm-mobile/vault ./follow_pair.mjs [INTEGRATION]
//
// FSM_VAULT_IDENTITY is the directory with cert.pem, key.pem and ca.pem; FSM_VAULT_SOCKET the daemon's socket;
// FSM_VAULT_EMPLOYEE on whose behalf to ask, which a service with several employees must say. Put what your program does
// with a new pair into use().
//
// It watches: one connection stays open, on which the daemon tells that something changed (server-sent events), never
// what to. Then the pair is read on another. A lost watch is taken up where it was, by Last-Event-ID.

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';

const socketPath = process.env.FSM_VAULT_SOCKET ?? '/run/fsm-vault/vault.sock';
const identity = process.env.FSM_VAULT_IDENTITY ?? '/etc/fsm-mobile/vault';
const integration = process.argv[2] ?? 'fsm';
const employee = process.env.FSM_VAULT_EMPLOYEE;
const asked = employee ? `?${new URLSearchParams({ employee })}` : '';
const SILENCE = 60_000; // The daemon gives a sign of life every 15 seconds.

// The new pair is here. Never print or log the values.
function use(pair) {
  console.log(`${integration}: using version ${pair.version}`);
}

// What refuses us now will refuse us in a minute too: somebody has to look.
class Refused extends Error {}

// The identity, read anew: it is renewed every day. Without it there is nothing to try again.
function credentials() {
  const [ca, cert, key] = ['ca.pem', 'cert.pem', 'key.pem'].map((name) => {
    try {
      return readFileSync(`${identity}/${name}`);
    } catch (error) {
      throw new Refused(`can't read ${identity}/${name}: ${error.code}; FSM_VAULT_IDENTITY names the identity's directory`);
    }
  });
  if (Date.parse(new X509Certificate(cert).validTo) < Date.now()) {
    const how = 'fsm-vault caller certify NAME --out DIR';
    throw new Refused(`the certificate ${identity}/cert.pem has expired; an operator replaces it: ${how}`);
  }
  return { ca, cert, key };
}

// Whom we don't believe, or who takes our certificate for nobody's, won't in a minute either. Other errors stay what they are.
function strange(error, distrust) {
  const how = "name that vault's socket in FSM_VAULT_SOCKET, or the identity of this one in FSM_VAULT_IDENTITY";
  if (distrust === 'CERT_HAS_EXPIRED') {
    return new Refused(`the certificate of the daemon at ${socketPath} has expired; it renews it when it is restarted`);
  }
  if (distrust) return new Refused(`whoever answers at ${socketPath} is not the vault of ${identity}/ca.pem (${distrust}); ${how}`);
  if (/ALERT_(UNKNOWN_CA|DECRYPT_ERROR|BAD_CERTIFICATE|CERTIFICATE_UNKNOWN|ACCESS_DENIED)/.test(error.code)) {
    return new Refused(`the daemon at ${socketPath} doesn't know ${identity}/cert.pem, which is another vault's; ${how}`);
  }
  return error;
}

// One request; resolves with the response, whose body is still to be read.
function ask(path, headers = {}) {
  return new Promise((resolve, reject) => {
    const request = https.get({
      socketPath,
      path,
      headers: { host: 'localhost', ...headers },
      servername: 'localhost', // The daemon's certificate is for it.
      ...credentials(),
      agent: false,
      timeout: SILENCE,
    });
    request.on('response', resolve);
    request.on('timeout', () => request.destroy(new Error('silence')));
    request.on('error', (error) => reject(strange(error, request.socket?.authorizationError)));
  });
}

async function text(response) {
  const pieces = [];
  for await (const piece of response) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

async function problem(response) {
  const { code, request_id: id } = JSON.parse(await text(response));
  const told = `${code} (request ID ${id})`;
  return [429, 503].includes(response.statusCode) ? new Error(told) : new Refused(`refused: ${told}`);
}

let etag;
async function readPair() {
  const response = await ask(`/v1/integrations/${integration}/credentials${asked}`, etag ? { 'if-none-match': etag } : {});
  if (response.statusCode === 200) {
    use(JSON.parse(await text(response)));
    etag = response.headers.etag;
  } else if (response.statusCode === 304) {
    response.resume();
  } else if (response.statusCode === 404) {
    response.resume();
    etag = undefined;
    console.error(`${integration}: no pair until an operator stores the new one`); // Reset: what we had is dead.
  } else {
    throw await problem(response);
  }
}

// Events end with an empty line; `id`, `event` and `data` are one line each.
async function* events(response) {
  let rest = '';
  response.setEncoding('utf8');
  for await (const piece of response) {
    const blocks = (rest + piece).split('\n\n');
    rest = blocks.pop();
    for (const block of blocks) {
      const event = {};
      for (const line of block.split('\n')) {
        const [, field, value] = /^(\w+): ?(.*)$/.exec(line) ?? [];
        if (field) event[field] = value;
      }
      if (event.event) yield event;
    }
  }
}

let last;
let pause = 1;
async function watch() {
  const response = await ask('/v1/watch', last ? { 'last-event-id': last } : {});
  if (response.statusCode !== 200) throw await problem(response);
  for await (const { event, id, data } of events(response)) {
    const { integration: name, secret, code } = JSON.parse(data);
    if (event === 'revoked') throw new Refused(`refused: ${code}`);
    if (event === 'end') throw new Error(code);
    // `open`: whatever was before the watch began is read now. `resync`: events were missed.
    if (event === 'open' || event === 'resync' || (event === 'rotated' && !secret && name === integration)) await readPair();
    // Only now: had the read failed, the event would be told again.
    last = id ?? last;
    pause = 1;
  }
  throw new Error('the watch ended');
}

for (;;) {
  try {
    await watch();
  } catch (error) {
    if (error instanceof Refused) {
      console.error(`${integration}: ${error.message}`);
      process.exit(1);
    }
    // The daemon restarts, is sealed, or the connection broke. The pair that we have stays good meanwhile.
    const why = error.code === 'EACCES'
      ? `this user may not reach ${error.address}: sudo usermod -aG fsm-vault USER, and log in anew` : error.message;
    console.error(`${integration}: ${why}; trying again in ${pause} s`);
    await sleep(pause * 1000);
    pause = Math.min(pause * 2, 30);
  }
}
