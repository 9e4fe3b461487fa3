// The words of the mails, by key. i18next fills the braces; escaping is the template's business.
import { createInstance, type TFunction } from 'i18next'
import { guestEn } from './guest-text.ts'
import { noticeEn } from './notice-text.ts'
import { safetyEn } from './safety-text.ts'

const en = {
  greeting: 'Hello {{name}},',
  greetingPlain: 'Hello,',
  footer: 'Ridethrough · {{publicUrl}}',
  verify: {
    subject: 'Confirm your address',
    lead: 'somebody, we hope you, signed up at Ridethrough as {{name}} with this address. This code confirms it:',
    leadPlain: 'somebody, we hope you, signed up at Ridethrough with this address. This code confirms it:',
    validity: 'It holds until {{until}} and for one use.',
    ignore:
      'If it was not you, do nothing: without the code nothing happens. If you get several of these mails, use only the code that you asked for yourself.',
    action: 'Confirm the address',
  },
  registered: {
    subject: 'You already have an account',
    lead: 'somebody, we hope you, signed up at Ridethrough with this address. It has an account already, so nothing was changed: just sign in.',
    ignore: 'If it was not you, do nothing.',
    action: 'Sign in',
  },
  invitation: {
    subject_one: '{{sharer}} shares a device with you',
    subject_other: '{{sharer}} shares {{count}} devices with you',
    lead_one: '{{sharer}} ({{sharerEmail}}) wants to share this device with you:',
    lead_other: '{{sharer}} ({{sharerEmail}}) wants to share these devices with you:',
    may: 'You may {{privileges}}.',
    from: 'It begins at {{from}}.',
    until: 'It ends at {{until}}.',
    code: 'To accept, open the invitation and give this confirmation code:',
    validity: 'The code holds until {{until}}.',
    account: 'There you sign in, or sign up with this very address ({{email}}) if you have no account yet.',
    ignore: 'If you do not know the sender, do nothing, or decline.',
    action: 'Open the invitation',
  },
  teamInvitation: {
    subject: '{{inviter}} invites you to {{company}}',
    lead: '{{inviter}} ({{inviterEmail}}) invites you to work together in {{company}}.',
    owner: 'You would be one of its owners: you may do everything there, with its devices and its people.',
    member: 'You would be a member: you see its devices and do with them what its owners allow.',
    code: 'To join, open the invitation and give this confirmation code:',
    action: 'Open the invitation',
    validity: 'The code holds until {{until}}.',
    account: 'There you sign in, or sign up with this very address ({{email}}) if you have no account yet.',
    own: 'Whoever joins leaves a company of their own, which must be empty by then.',
    ignore: 'If you do not know the sender, do nothing, or decline.',
  },
  teamJoined: {
    subject: '{{member}} joined {{company}}',
    lead: '{{member}} ({{memberEmail}}) accepted the invitation and is in {{company}} from now on.',
    action: 'See who is in the company',
  },
  teamDeactivated: {
    subject: 'Your account was deactivated',
    lead: 'an owner of your company has deactivated your account. You cannot sign in until it is reactivated; whatever was signed in with it is signed out.',
    ask: 'If you think that this is a mistake, ask an owner of your company:',
  },
  happened: noticeEn,
  ...guestEn,
  ...safetyEn,
} as const

/** A translator for the mails; its languages are all here, so that no file is read at run time. */
export async function createMailTexts(): Promise<TFunction> {
  const instance = createInstance()
  await instance.init({
    lng: 'en',
    fallbackLng: 'en',
    resources: { en: { translation: en } },
    // The text part must not be escaped; the HTML part is, by the template.
    interpolation: { escapeValue: false },
  })
  return instance.t
}
