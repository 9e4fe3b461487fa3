// What a company is called, what its members may do, and how carefully they sign in.
import { Checkbox, Group, SimpleGrid, Stack, Switch, TextInput } from '@mantine/core'
import { CompanyChange, type CompanyView } from '@ridethrough/protocol/http/company.ts'
import { PRIVILEGE_TEXT, PRIVILEGES } from '@ridethrough/protocol/privilege.ts'
import { useTranslation } from 'react-i18next'
import { accountQuery } from '../data/account.ts'
import { COMPANY_KEYS, changeCompany } from '../data/company.ts'
import { securityQuery } from '../data/security.ts'
import { capital } from '../text/format.ts'
import { Action } from '../ui/action.tsx'
import { Alert } from '../ui/alert.tsx'
import { Section } from '../ui/section.tsx'
import { useRefresh } from './confirm-change.tsx'
import { useForm } from './form.ts'
import { useAnnounce } from './notice.tsx'

type Props = { readonly company: CompanyView; readonly hindrance: string | undefined }

export function CompanySettings({ company, hindrance }: Props) {
  const { t } = useTranslation()
  const form = useSettings(company)
  const { values, faults, set } = form
  const isReadOnly = hindrance !== undefined
  return (
    <form onSubmit={form.submit} noValidate>
      <Stack gap="lg" maw={680}>
        <Section title={t('companySettings.title')}>
          <TextInput
            label={t('companySettings.name')}
            autoComplete="organization"
            readOnly={isReadOnly}
            {...form.field('name')}
          />
          <Checkbox.Group
            label={t('companySettings.memberPrivileges')}
            description={t('companySettings.memberPrivilegesHint')}
            value={[...values.memberPrivileges]}
            error={faults.memberPrivileges}
            readOnly={isReadOnly}
            onChange={(ticked) =>
              set(
                'memberPrivileges',
                PRIVILEGES.filter((each) => ticked.includes(each)),
              )
            }
          >
            <SimpleGrid cols={{ base: 1, xs: 2 }} mt="sm" spacing="xs">
              {PRIVILEGES.map((privilege) => (
                <Checkbox
                  key={privilege}
                  value={privilege}
                  label={capital(PRIVILEGE_TEXT[privilege])}
                  disabled={isReadOnly}
                />
              ))}
            </SimpleGrid>
          </Checkbox.Group>
        </Section>
        <Section title={t('companySettings.safety')}>
          {(['requiresSecondFactor', 'requiresStepUp', 'logsOrdinary'] as const).map((name) => (
            <Switch
              key={name}
              label={t(`companySettings.${name}`)}
              description={t(`companySettings.${name}Hint`)}
              checked={values[name]}
              disabled={isReadOnly}
              onChange={(event) => set(name, event.currentTarget.checked)}
            />
          ))}
        </Section>
        {form.fault && <Alert kind="fault">{form.fault}</Alert>}
        <Group>
          <Action type="submit" hindrance={hindrance} loading={form.isSending}>
            {t('companySettings.submit')}
          </Action>
        </Group>
      </Stack>
    </form>
  )
}

function useSettings(company: CompanyView) {
  const { t } = useTranslation()
  const refresh = useRefresh()
  const announce = useAnnounce()
  const { name, memberPrivileges, requiresSecondFactor, requiresStepUp, logsOrdinary } = company
  const before = { name, memberPrivileges, requiresSecondFactor, requiresStepUp, logsOrdinary }
  return useForm({
    initial: before,
    schema: CompanyChange,
    // Only what was changed: another owner may have changed the rest meanwhile.
    toBody: (values) =>
      Object.fromEntries(
        Object.entries(values).filter(
          ([field, value]) => JSON.stringify(value) !== JSON.stringify(before[field as keyof typeof before]),
        ),
      ),
    send: changeCompany,
    onDone: async () => {
      await refresh([...COMPANY_KEYS, accountQuery.queryKey, securityQuery.queryKey])
      announce(t('companySettings.saved'))
    },
  })
}
