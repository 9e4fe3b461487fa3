// Passkeys: added by the browser under a name, removed by it.
import { Button, Group, Stack, Text, TextInput } from '@mantine/core'
import { NewPasskey, type SecurityView } from '@ridethrough/protocol/http/security.ts'
import { browserSupportsWebAuthn } from '@simplewebauthn/browser'
import { IconFingerprint } from '@tabler/icons-react'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useNow } from '../data/now.ts'
import { addPasskey, removePasskey } from '../data/security.ts'
import { sayTime } from '../text/format.ts'
import { Alert } from '../ui/alert.tsx'
import { Row, Rows } from '../ui/rows.tsx'
import { Section } from '../ui/section.tsx'
import { YesNo } from '../ui/yes-no.tsx'
import { ConfirmChange, useRefresh } from './confirm-change.tsx'
import { useForm } from './form.ts'
import { useAnnounce } from './notice.tsx'
import { FACTOR_KEYS } from './totp.tsx'

type Props = { readonly security: SecurityView; readonly onCodes: (codes: readonly string[]) => void }
type Passkey = SecurityView['passkeys'][number]

export function PasskeysSection({ security: { passkeys }, onCodes }: Props) {
  const { t } = useTranslation()
  const now = useNow(60_000)
  const announce = useAnnounce()
  const [ending, setEnding] = useState<Passkey>()
  const say = (at: string) => sayTime(Date.parse(at), now)
  return (
    <Section
      title={t('passkeys.title')}
      lead={t('passkeys.lead')}
      actions={<YesNo isOn={passkeys.length > 0}>{t(passkeys.length > 0 ? 'security.on' : 'security.off')}</YesNo>}
    >
      {passkeys.length === 0 ? (
        <Text>{t('passkeys.none')}</Text>
      ) : (
        <Rows label={t('passkeys.list')}>
          {passkeys.map((passkey) => (
            <Row
              key={passkey.id}
              actions={
                <Button
                  variant="default"
                  size="sm"
                  aria-label={t('passkeys.removeLabel', passkey)}
                  onClick={() => setEnding(passkey)}
                >
                  {t('passkeys.remove')}
                </Button>
              }
            >
              <Text fw={600}>{passkey.name}</Text>
              <Text size="sm" c="dimmed">
                {t('passkeys.made', { time: say(passkey.createdAt) })}{' '}
                {passkey.lastUsedAt === null
                  ? t('passkeys.neverUsed')
                  : t('passkeys.used', { time: say(passkey.lastUsedAt) })}
              </Text>
            </Row>
          ))}
        </Rows>
      )}
      {browserSupportsWebAuthn() ? (
        <NewPasskeyForm onCodes={onCodes} />
      ) : (
        <Alert kind="note">{t('passkeys.unsupported')}</Alert>
      )}
      {ending && (
        <ConfirmChange
          title={t('passkeys.removeTitle', ending)}
          what={t('passkeys.removeWhat')}
          submit={t('passkeys.remove')}
          run={() => removePasskey(ending.id)}
          refresh={FACTOR_KEYS}
          onDone={() => {
            setEnding(undefined)
            announce(t('passkeys.removed', ending))
          }}
          onCancel={() => setEnding(undefined)}
        />
      )}
    </Section>
  )
}

const Named = NewPasskey.pick({ name: true })

function NewPasskeyForm({ onCodes }: Pick<Props, 'onCodes'>) {
  const { t } = useTranslation()
  const refresh = useRefresh()
  const announce = useAnnounce()
  const form = useForm({
    initial: { name: '' },
    schema: Named,
    send: ({ name }) => addPasskey(name),
    onDone: async (codes, { name }) => {
      form.set('name', '')
      await refresh(FACTOR_KEYS)
      onCodes(codes)
      announce(t('passkeys.added', { name: name.trim() }))
    },
  })
  return (
    <form onSubmit={form.submit} noValidate>
      <Stack gap="sm">
        <TextInput
          label={t('passkeys.name')}
          description={t('passkeys.nameHint')}
          autoComplete="off"
          {...form.field('name')}
        />
        {form.fault && <Alert kind="fault">{form.fault}</Alert>}
        <Group>
          <Button
            type="submit"
            variant="default"
            leftSection={<IconFingerprint size={18} aria-hidden />}
            loading={form.isSending}
          >
            {t('passkeys.add')}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
