// Requirements of OWASP ASVS 5.0.0, chapters 6 to 8, in our own words, and what we make of each. Numbers are those of the
// release of May 2025. A test proves one by ending its name with the number: `… [ASVS 6.5.1]` or `… [ASVS 6.5.1 6.5.5]`.

/** `foreign`: what it speaks of does not exist here, which a test shows. `open`: not met, and not claimed. */
export type Claim = 'met' | 'foreign' | 'open'

export type Requirement = {
  readonly number: string
  readonly level: 1 | 2 | 3
  readonly words: string
  readonly claim: Claim
  /** How it is met, or why it is not asked of us. */
  readonly how: string
}

type Row = readonly [number: string, level: 1 | 2 | 3, words: string, claim: Claim, how: string]

const V6: readonly Row[] = [
  ['6.1.1', 1, 'It is written down how guessing is slowed and owners are not locked out', 'met', 'docs/security.md'],
  ['6.1.2', 2, 'It is written down which words of our own passwords may not be', 'met', 'docs/security.md'],
  ['6.1.3', 2, 'Every way to sign in is written down, with how strong it is', 'met', 'docs/security.md'],
  ['6.2.1', 1, 'A password has at least 8 characters', 'met', 'at least 10'],
  ['6.2.2', 1, 'People can change their password', 'met', 'account page'],
  ['6.2.3', 1, 'Changing it takes the old one and the new one', 'met', 'both in the request'],
  ['6.2.4', 1, 'The most used passwords are refused', 'met', 'whatever is made of the parts of the most guessed ones'],
  ['6.2.5', 1, 'Any characters will do; none are demanded', 'met', 'only the length is looked at'],
  ['6.2.6', 1, 'Password fields hide what is typed', 'met', 'type=password with a button to look'],
  ['6.2.7', 1, 'Pasting and password managers work', 'met', 'autocomplete is set, paste is left alone'],
  [
    '6.2.8',
    1,
    'A password is compared as typed: not cut, not folded',
    'met',
    'argon2id over all of it, in Unicode form NFC',
  ],
  ['6.2.9', 2, 'Passwords of 64 characters are taken', 'met', 'up to 256'],
  ['6.2.10', 2, 'A password does not run out', 'met', 'there is no age'],
  ['6.2.11', 2, 'Words of the place cannot be the password', 'met', 'product, person, address and company are refused'],
  [
    '6.2.12',
    2,
    'Passwords known from leaks are refused',
    'open',
    'docs/security.md says why; what is made of known parts is refused',
  ],
  ['6.3.1', 1, 'Guessing is slowed as the document says', 'met', 'growing waits per account and per address'],
  ['6.3.2', 1, 'No default accounts', 'met', 'the first account is made with a code that the server prints'],
  [
    '6.3.3',
    2,
    'Two factors, where that is asked for',
    'met',
    'TOTP and passkeys; a company may require them of everybody',
  ],
  [
    '6.3.4',
    2,
    'No way in besides the documented ones, and none weaker',
    'met',
    'the routes are held against the document',
  ],
  ['6.3.5', 3, 'People hear of sign-ins that look odd', 'met', 'a mail at the first sign-in from a new place'],
  ['6.3.6', 3, 'E-mail is no factor of signing in', 'met', 'it proves an address, and starts a reset'],
  [
    '6.3.7',
    3,
    'People hear when what they sign in with is changed',
    'met',
    'a mail to the address, also to the one before',
  ],
  ['6.3.8', 3, 'Nobody can tell from an answer or its time who has an account', 'met', 'same words, same work'],
  [
    '6.4.1',
    1,
    'Codes that we make are random, short-lived, and never become the password',
    'met',
    'single use, with an end',
  ],
  ['6.4.2', 1, 'No hints and no secret questions', 'met', 'there are none'],
  [
    '6.4.3',
    2,
    'A forgotten password is reset without going around the second factor',
    'met',
    'a reset signs nobody in; the sign-in after it asks for both',
  ],
  [
    '6.4.4',
    2,
    'A lost factor is replaced only by proof as good as at its start',
    'met',
    'recovery codes or another factor',
  ],
  [
    '6.4.5',
    3,
    'Notice in time before something to sign in with runs out',
    'open',
    'API tokens run out; no mail is sent before',
  ],
  ['6.4.6', 3, 'Operators can start a reset, but not choose the password', 'open', 'nobody but its owner starts one'],
  [
    '6.5.1',
    2,
    'Recovery codes, mailed codes and TOTP codes work once',
    'met',
    'marked as used in the same transaction',
  ],
  ['6.5.2', 2, 'Stored recovery codes are hashed', 'met', '112 bits or more under SHA-256, or under argon2id'],
  ['6.5.3', 2, 'They and the TOTP seeds come from a secure random source', 'met', 'node:crypto'],
  ['6.5.4', 2, 'Codes have at least 20 bits', 'met', '40 and more'],
  ['6.5.5', 2, 'TOTP codes and requests out of band have an end', 'met', 'a step of 30 s, and one beside it'],
  ['6.5.6', 3, 'Each factor can be taken away', 'met', 'account page'],
  ['6.5.7', 3, 'A finger or face counts only with something one has', 'met', 'WebAuthn keeps it on the device'],
  ['6.5.8', 3, 'The time of TOTP is the server’s', 'met', 'no time is taken from the request'],
  ['6.6.1', 2, 'Codes by phone only beside something better', 'foreign', 'no code goes by phone'],
  ['6.6.2', 2, 'A code belongs to the request that it was made for', 'met', 'the challenge is named with it'],
  ['6.6.3', 2, 'Guessing such a code is slowed', 'met', 'few tries for each'],
  ['6.6.4', 3, 'Push notices cannot be used to wear somebody down', 'foreign', 'there are no push sign-ins'],
  ['6.7.1', 3, 'Keys that verify assertions cannot be swapped', 'met', 'public keys are written once, by their owner'],
  ['6.7.2', 3, 'Challenges have at least 64 bits and never repeat', 'met', '32 random bytes'],
  ['6.8.1', 2, 'One identity provider cannot pose as another', 'foreign', 'there is no foreign sign-in'],
  ['6.8.2', 2, 'Signatures of assertions are checked', 'foreign', 'there is no foreign sign-in'],
  ['6.8.3', 2, 'SAML assertions count once', 'foreign', 'there is no foreign sign-in'],
  ['6.8.4', 2, 'What the provider says of strength is checked', 'foreign', 'there is no foreign sign-in'],
]

const V7: readonly Row[] = [
  ['7.1.1', 2, 'It is written down when a session ends, idle and at the latest, and why', 'met', 'docs/security.md'],
  ['7.1.2', 2, 'It is written down how many sessions one may have', 'met', 'docs/security.md'],
  ['7.1.3', 2, 'Systems that share sessions are written down', 'foreign', 'there is no foreign sign-in'],
  ['7.2.1', 1, 'Sessions are checked on the server', 'met', 'in the database, at each request'],
  ['7.2.2', 1, 'Session tokens are made anew, not static keys', 'met', 'one for each sign-in'],
  ['7.2.3', 1, 'They are random, with at least 128 bits', 'met', '256 bits, stored as a hash'],
  [
    '7.2.4',
    1,
    'Signing in, and showing again who one is, makes a new token and ends the old',
    'met',
    'also at step-up',
  ],
  ['7.3.1', 2, 'An idle session ends', 'met', 'as docs/security.md says'],
  ['7.3.2', 2, 'Every session ends at last', 'met', '30 days'],
  ['7.4.1', 1, 'A session that is over opens nothing', 'met', 'HTTP, WebSocket and MQTT, before the answer'],
  ['7.4.2', 1, 'With the account, its sessions end', 'met', 'deactivated and deleted accounts'],
  ['7.4.3', 2, 'After a factor is changed, the other sessions can be ended', 'met', 'they are ended, or offered to be'],
  ['7.4.4', 2, 'Signing out is always in sight', 'met', 'in the menu of every page'],
  ['7.4.5', 2, 'Administrators can end the sessions of others', 'met', 'deactivating ends them'],
  ['7.5.1', 2, 'Changing what one signs in with takes a fresh sign-in', 'met', 'step-up'],
  ['7.5.2', 2, 'People see their sessions and can end any', 'met', 'account page'],
  ['7.5.3', 3, 'What is dangerous asks again', 'met', 'a company may turn it on for changes of access and of power'],
  ['7.6.1', 2, 'Sessions end together with the provider’s', 'foreign', 'there is no foreign sign-in'],
  [
    '7.6.2',
    2,
    'No session without somebody asking for one',
    'met',
    'each begins with a POST of our own pages or programs',
  ],
]

const V8: readonly Row[] = [
  ['8.1.1', 1, 'It is written down who may do what to which data', 'met', 'docs/security.md'],
  ['8.1.2', 2, 'It is written down who may read and write which fields', 'met', 'docs/security.md'],
  ['8.1.3', 3, 'It is written down which circumstances count', 'met', 'docs/security.md'],
  ['8.1.4', 3, 'It is written down how they count', 'met', 'docs/security.md'],
  [
    '8.2.1',
    1,
    'Functions only for those who may',
    'met',
    'each route says whom it serves; without that nothing starts',
  ],
  [
    '8.2.2',
    1,
    'Data only for those who may: other people’s ids open nothing',
    'met',
    'one answer for “not yours” and “not there”',
  ],
  ['8.2.3', 2, 'Fields only for those who may', 'met', 'strict schemas both ways'],
  [
    '8.2.4',
    3,
    'Circumstances are looked at when a session begins, and during it',
    'met',
    'periods at each delivery; new places are told of',
  ],
  ['8.3.1', 1, 'Rights are decided on the server', 'met', 'one policy, asked by the API and the broker'],
  ['8.3.2', 3, 'A change of rights counts at once', 'met', 'answered only when every server has applied it'],
  [
    '8.3.3',
    3,
    'What counts is who asked, not which service passes it on',
    'met',
    'a token is never stronger than its account',
  ],
  ['8.4.1', 2, 'One company cannot touch another’s', 'met', 'every query starts from the asker'],
  [
    '8.4.2',
    3,
    'Administration takes more than being on the right network',
    'open',
    'the operator’s commands run on the server itself',
  ],
]

export const REQUIREMENTS: readonly Requirement[] = [...V6, ...V7, ...V8].map(([number, level, words, claim, how]) => ({
  number,
  level,
  words,
  claim,
  how,
}))
