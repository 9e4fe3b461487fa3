// The authenticator app: offered as a QR code and a key to type, on once a first code is right.
import { Button, Group, Stack, Text } from '@mantine/core'
import { type SecurityView, type TotpOffer, TotpProof } from '@ridethrough/protocol/http/security.ts'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { z } from 'zod'
import { sayFault } from '../data/fault.ts'
import { useNow } from '../data/now.ts'
import { confirmTotp, offerTotp, removeTotp, securityQuery } from '../data/security.ts'
import { sayTime } from '../text/format.ts'
import { Alert } from '../ui/alert.tsx'
import { CopyButton } from '../ui/secret.tsx'
import { Section } from '../ui/section.tsx'
import { YesNo } from '../ui/yes-no.tsx'
import { CodeField } from './code-field.tsx'
import { ConfirmChange, useChange, useRefresh } from './confirm-change.tsx'
import { useForm } from './form.ts'
import { useAnnounce } from './notice.tsx'

type Offer = z.infer<typeof TotpOffer>
type Props = { readonly security: SecurityView; readonly onCodes: (codes: readonly string[]) => void }

/** What a second factor more or less makes old. */
export const FACTOR_KEYS = [securityQuery.queryKey, ['members'], ['sessions']]

export function TotpSection({ security: { totp }, onCodes }: Props) {
  const { t } = useTranslation()
  const now = useNow(60_000)
  const announce = useAnnounce()
  const [offer, setOffer] = useState<Offer>()
  const [isEnding, setEnding] = useState(false)
  const offering = useChange(offerTotp, [], setOffer)
  return (
    <Section
      title={t('totp.title')}
      lead={t('totp.lead')}
      actions={<YesNo isOn={totp !== null}>{t(totp ? 'security.on' : 'security.off')}</YesNo>}
    >
      {totp && <Text>{t('totp.since', { time: sayTime(Date.parse(totp.confirmedAt), now) })}</Text>}
      {offering.error && <Alert kind="fault">{sayFault(offering.error, t)}</Alert>}
      {offer ? (
        <Enrolment offer={offer} onCodes={onCodes} onOver={() => setOffer(undefined)} />
      ) : (
        <Group>
          {totp ? (
            <Button variant="default" aria-label={t('totp.offTitle')} onClick={() => setEnding(true)}>
              {t('totp.turnOff')}
            </Button>
          ) : (
            <Button loading={offering.isPending} onClick={() => offering.mutate()}>
              {t('totp.turnOn')}
            </Button>
          )}
        </Group>
      )}
      {isEnding && (
        <ConfirmChange
          title={t('totp.offTitle')}
          what={t('totp.offWhat')}
          submit={t('totp.turnOff')}
          run={removeTotp}
          refresh={FACTOR_KEYS}
          onDone={() => {
            setEnding(false)
            announce(t('totp.offDone'))
          }}
          onCancel={() => setEnding(false)}
        />
      )}
    </Section>
  )
}

type EnrolmentProps = Pick<Props, 'onCodes'> & { readonly offer: Offer; readonly onOver: () => void }

function Enrolment({ offer, onCodes, onOver }: EnrolmentProps) {
  const { t } = useTranslation()
  const refresh = useRefresh()
  const announce = useAnnounce()
  const form = useForm({
    initial: { code: '' },
    schema: TotpProof,
    send: confirmTotp,
    onDone: async (codes) => {
      await refresh(FACTOR_KEYS)
      onOver()
      onCodes(codes)
      announce(t('totp.done'))
    },
  })
  return (
    <form onSubmit={form.submit} noValidate>
      <Stack gap="sm">
        <Text>{t('totp.scan')}</Text>
        {/* As an image, so that nothing within it can run. White around it: cameras need the border, in the dark too. */}
        <img
          src={`data:image/svg+xml;utf8,${encodeURIComponent(offer.svg)}`}
          alt={t('totp.qr')}
          width={200}
          height={200}
          style={{ background: '#fff', borderRadius: 8, padding: 8 }}
        />
        <div>
          <Text size="sm" c="dimmed">
            {t('totp.manual')}
          </Text>
          <Group gap="sm">
            <code style={{ overflowWrap: 'anywhere' }}>{inFours(offer.secret)}</code>
            <CopyButton text={offer.secret} label={t('totp.copyKey')} done={t('copy.done')} />
          </Group>
        </div>
        <CodeField isNumber label={t('totp.code')} autoFocus {...form.field('code')} />
        {form.fault && <Alert kind="fault">{form.fault}</Alert>}
        <Group>
          <Button type="submit" loading={form.isSending}>
            {t('totp.confirm')}
          </Button>
          <Button variant="default" onClick={onOver}>
            {t('totp.cancel')}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

/** As people copy keys by hand. */
function inFours(key: string): string {
  return key.replace(/(.{4})(?=.)/g, '$1 ')
}
