// Why there is no link, in words that say what a person can do about it.

const CERTIFICATE = 'the server at URL cannot show that it is the one it should be'

/** By the code of Node's or OpenSSL's error; `URL` and `CA` stand for what is configured. */
const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens at URL: check the address, and that the server runs',
  ENOTFOUND: "the name in URL is not known: check it, and this machine's DNS",
  EAI_AGAIN: "the name in URL is not known: check it, and this machine's DNS",
  DEPTH_ZERO_SELF_SIGNED_CERT: `${CERTIFICATE}: its certificate is self-signed and not in CA; name its file in server.ca`,
  SELF_SIGNED_CERT_IN_CHAIN: `${CERTIFICATE}: its certificates lead to a root that is not in CA; name the right file in server.ca`,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: `${CERTIFICATE}: nothing in CA has signed its certificate; name the right file in server.ca`,
  UNABLE_TO_GET_ISSUER_CERT: `${CERTIFICATE}: nothing in CA has signed its certificate; name the right file in server.ca`,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: `${CERTIFICATE}: nothing in CA has signed its certificate; name the right file in server.ca`,
  CERT_SIGNATURE_FAILURE: `${CERTIFICATE}: nothing in CA has signed its certificate; name the right file in server.ca`,
  ERR_TLS_CERT_ALTNAME_INVALID: `${CERTIFICATE}: its certificate is for another name; write the name that it is for in server.url`,
  CERT_HAS_EXPIRED: `${CERTIFICATE}: its certificate has expired; renew it there, or check this machine's clock`,
  CERT_NOT_YET_VALID: `${CERTIFICATE}: its certificate is not valid yet; check this machine's clock`,
  ECONNRESET:
    'the server at URL hung up at the first word: check that the port is the one for this protocol, 8883 for mqtts and 1883 for mqtt',
  ERR_SSL_WRONG_VERSION_NUMBER: 'what listens at URL does not speak TLS: check the port, 8883 is the usual one',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'the server at URL speaks no TLS from version 1.2 on',
}

const REFUSED =
  'the server refuses this agent: its identity.json is not the one that the server knows (a copy from before it was renewed is not), or it was revoked'

/** Bad user name or password, not authorised [MQTT-3.2.2.3]. */
export function isRefusal(error: Error): boolean {
  const code: unknown = 'code' in error ? error.code : undefined
  return code === 4 || code === 5
}

export type Place = { readonly url: string; readonly ca: string | null; readonly wasLinked: boolean }

export function reasonOf(error: Error, { url, ca, wasLinked }: Place): string {
  if (isRefusal(error)) return REFUSED
  // A link that stood and broke needs no advice about addresses.
  if (wasLinked) return error.message
  const code = 'code' in error ? String(error.code) : ''
  const reason = Object.hasOwn(REASONS, code) ? REASONS[code] : undefined
  if (reason !== undefined) return reason.replaceAll('URL', url).replaceAll('CA', ca ?? "this machine's list of roots")
  return error.message === 'connack timeout' ? `no answer from ${url}` : error.message
}
