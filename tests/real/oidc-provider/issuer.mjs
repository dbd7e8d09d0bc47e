// An OpenID provider for tests: it tells its issuer in a file, and signs access tokens (RFC 9068)
// for the client credentials that it was started with.
//
//   node issuer.mjs PROVIDER_MODULE SETTINGS_FILE ANNOUNCEMENT_FILE
import { createServer } from 'node:http';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [module, settingsFile, announcement] = process.argv.slice(2);
const { Provider } = await import(pathToFileURL(module));
const { clients, audience, jwks } = JSON.parse(readFileSync(settingsFile, 'utf8'));

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: clients.map(({ id, secret }) => ({
      client_id: id,
      client_secret: secret,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
    })),
    jwks,
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, resource) => ({
          scope: 'jit',
          audience: resource === 'urn:jit-broker' ? audience : resource,
          accessTokenFormat: 'jwt',
          accessTokenTTL: 900,
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
    extraTokenClaims: (_, token) => ({ instance: `${token.clientId}-1` }),
  });
  server.on('request', provider.callback());
  writeFileSync(`${announcement}.next`, JSON.stringify({ issuer }));
  renameSync(`${announcement}.next`, announcement);
});
