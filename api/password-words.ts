// What people choose when a password has to be long: the parts of which the most guessed ones are made.

/** Words that stand in the most guessed passwords, as they are typed without capitals and look-alikes. */
export const GUESSED_WORDS = words(`
  password passwort passphrase passcode secret geheim letmein welcome welcomeback willkommen bienvenue hello helloworld hallo bonjour ciao
  login logon signin access admin administrator root superuser sysadmin user guest operator manager service support default changeme
  changeit change test testing tester demo example sample temp temporary trustno trustnoone whatever nothing anything everything
  iloveyou ilovegod iloveme ihateyou loveyou lovely love lover forever always heart sweetheart honey baby babygirl babyboy angel darling
  monkey dragon tiger lion eagle falcon phoenix wolf bear horse dolphin butterfly kitten kitty puppy chicken rabbit spider snake shark
  sunshine moonlight sunrise sunset summer winter spring autumn january february march april june july august september october
  november december monday tuesday wednesday thursday friday saturday sunday weekend holiday christmas easter halloween
  princess prince queen king master mistress hunter ranger killer warrior knight ninja pirate wizard gandalf merlin legend hero
  superman batman spiderman ironman wolverine pokemon pikachu naruto starwars skywalker yoda matrix minecraft fortnite roblox
  football baseball basketball soccer hockey tennis golf volleyball cricket rugby chelsea arsenal liverpool barcelona realmadrid
  manchester juventus yankees cowboys lakers steelers packers michael michelle jennifer jessica ashley amanda nicole daniel david
  thomas robert william joshua matthew andrew anthony charlie christian christopher jordan justin brandon patrick richard maria anna
  samantha elizabeth stephanie victoria alexander alexandra sebastian dominic nicholas jonathan benjamin samuel george harley
  computer internet network server laptop windows microsoft google facebook instagram youtube twitter linkedin amazon samsung
  apple iphone android android nokia sony toyota honda ferrari porsche mercedes mustang corvette yamaha kawasaki cookie cheese
  chocolate banana orange strawberry cherry pepper ginger coffee pizza butter flower rainbow diamond silver golden purple yellow
  freedom liberty america american england germany france canada australia brazil mexico london berlin paris newyork texas
  california jesus jesuschrist blessed blessing god godisgood faith hope grace heaven peace lucky success money million
  fuckyou fuckoff asshole bitch bullshit pussy hardcore sexy shadow ghost thunder lightning storm blackcat midnight
  mother father mommy daddy mama papa sister brother family friend friends bestfriend grandma school student teacher college
  company office business work working team energy power electric battery voltage energie
`)

/** Of ourselves: nobody should be guessed by knowing where they sign in (docs/security.md lists them). */
export const OWN_WORDS = words('ridethrough ridethru ride through ups upspower uninterruptible')

/** Runs along a keyboard, or a list that everybody knows; forwards, backwards and from anywhere in them. */
export const RUNS = words(`
  01234567890123456789 abcdefghijklmnopqrstuvwxyz qwertyuiop qwertzuiop azertyuiop asdfghjkl qsdfghjklm yxcvbnm zxcvbnm wxcvbn
  1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p 1q2w3e4r5t6y7u8i9o0p q1w2e3r4t5y6u7i8o9p0 qazwsxedcrfvtgbyhnujmikolp qweasdzxc asdqwezxc
  147258369 159753 123321 112233445566778899 102030405060708090 11223344556677889900 a1b2c3d4e5f6g7h8i9 1a2b3c4d5e6f7g8h9i
  aabbccddeeff onetwothreefourfive
`)

function words(text: string): readonly string[] {
  return [...new Set(text.split(/\s+/).filter((word) => word !== ''))]
}
