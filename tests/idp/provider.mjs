// An OpenID Connect provider for the tests, on 127.0.0.1: three people, groups, device flow, rotating refresh tokens.
//
// Its first line on standard output is {"issuer": ...}. It then takes one JSON object a line on standard input, and
// answers each with a line: {"rotate": true} (a new signing key, the old one is gone), {"disable": NAME},
// {"enable": NAME}, {"groups": {NAME: [...]}}. It ends with its standard input.
// Settings come as a JSON object in the first argument: client_id, client_secret, redirect_uris, in_id_token.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import Provider from 'oidc-provider';

// The library has advice for people who run it for good; standard output is ours.
for (const kind of ['log', 'info', 'warn']) console[kind] = console.error;
const say = (said) => process.stdout.write(`${JSON.stringify(said)}\n`);

const settings = JSON.parse(process.argv[2]);
const people = {
  alice: { email: 'alice@example.com', email_verified: true, groups: ['sre', 'Dev Ops'] },
  bob: { email: 'bob@example.com', email_verified: false, groups: ['sre'] },
  carol: { email: 'carol@example.com', email_verified: true },
};
const disabled = new Set();
const cookieKey = randomBytes(32).toString('hex');

function signingKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), kid: randomBytes(8).toString('hex'), use: 'sig', alg: 'RS256' };
}

function findAccount(_, id) {
  if (!(id in people) || disabled.has(id)) return undefined;
  return { accountId: id, claims: () => ({ sub: id, name: id, ...people[id] }) };
}

// What was signed in stays so across instances: the library keeps it in the memory of this process.
function provider(issuer) {
  const made = new Provider(issuer, {
    clients: [{
      client_id: settings.client_id,
      client_secret: settings.client_secret,
      redirect_uris: settings.redirect_uris,
      response_types: ['code'],
      grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
    }],
    claims: {
      openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'], groups: ['groups'],
    },
    conformIdTokenClaims: !settings.in_id_token,
    cookies: { keys: [cookieKey] },
    features: { deviceFlow: { enabled: true } },
    findAccount,
    issueRefreshToken: () => true,
    jwks: { keys: [signingKey()] },
    rotateRefreshToken: true,
  });
  return made.callback();
}

const server = createServer((request, response) => answer(request, response));
let answer;
let issuer;

const orders = {
  rotate: () => { answer = provider(issuer); },
  disable: (name) => { disabled.add(name); },
  enable: (name) => { disabled.delete(name); },
  groups: (changed) => { for (const [name, groups] of Object.entries(changed)) people[name].groups = groups; },
};

server.listen(0, '127.0.0.1', () => {
  issuer = `http://127.0.0.1:${server.address().port}`;
  answer = provider(issuer);
  say({ issuer });
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    for (const [order, value] of Object.entries(JSON.parse(line))) orders[order](value);
    say({ done: true });
  });
  lines.on('close', () => process.exit(0));
});
