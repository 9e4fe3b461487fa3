// What a share is: between whom, since when, what it gives and when.
import type { ShareView } from '@ridethrough/protocol/http/share.ts'
import { useTranslation } from 'react-i18next'
import { sayTime } from '../text/format.ts'
import { Section } from '../ui/section.tsx'
import { Facts } from './facts.tsx'
import { DeviceChips } from './share-card.tsx'
import { Rights, Times } from './share-parts.tsx'

export function ShareFacts({ share, now }: { readonly share: ShareView; readonly now: number }) {
  const { t } = useTranslation()
  const { sharedBy, recipient, email, acceptedAt, endedAt, createdAt, side, invitationExpiresAt } = share
  const isOwner = side === 'owner'
  const at = (instant: string) => sayTime(Date.parse(instant), now)
  return (
    <Section title={t('share.facts')}>
      <Facts
        facts={[
          [t('sharing.to'), recipient ? `${recipient.name} (${email})` : email],
          [t('share.by'), `${sharedBy.name} (${sharedBy.email})`],
          [t('share.granted'), at(createdAt)],
          ...(acceptedAt === null ? [] : [[t('share.accepted'), at(acceptedAt)] as const]),
          ...(share.state === 'pending' && invitationExpiresAt !== null
            ? [[t('share.openUntil'), at(invitationExpiresAt)] as const]
            : []),
          ...(endedAt === null ? [] : [[t('share.ended'), at(endedAt)] as const]),
          // To the owner of an open one its form says the rest.
          ...(isOwner && endedAt === null
            ? []
            : [
                [t('sharing.devices'), <DeviceChips key="devices" devices={share.devices} />] as const,
                [
                  t(isOwner ? 'sharing.may' : 'sharing.youMay'),
                  <Rights key="rights" privileges={share.privileges} role={share.role} isViewers={!isOwner} />,
                ] as const,
                [t('sharing.period'), <Times key="times" terms={share} now={now} />] as const,
              ]),
        ]}
      />
    </Section>
  )
}
