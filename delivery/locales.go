package delivery

// A locale is the texts of one language. {app}, {code} and {time} are
// replaced. A message is plain or named, then life, then warn; see Texts for
// what is left out where there is no room.
//
// To write a text: the code stands beside the word for it, which is what
// phones look for when they offer to fill it in. Units are abbreviations, or
// words without a plural, because the number before them varies. Where a
// language can do without letters outside GSM 03.38 it does, and has 160
// characters instead of 70: é è ù ì ò à ä ö ü ñ ß are inside; á í ó ú ê ç are
// not. Nothing is inflected for the application's name.
type locale struct {
	name             string
	minutes, seconds string // units of {time}
	plain, named     string // without and with the application's name
	life, warn       string // each begins with what parts it from the text before

	// E-mail; empty in locales that have none.
	subject, subjectApp, ignore string
}

// locales is in the order of Locales. It is never written to.
var locales = [...]locale{{
	name:    "en",
	minutes: " min", seconds: " s",
	plain:      "Your code is {code}",
	named:      "Your {app} code is {code}",
	life:       ". It expires in {time}.",
	warn:       " Never share it.",
	subject:    "Your code",
	subjectApp: "Your {app} code",
	ignore:     "If you did not ask for it, you can ignore this message.",
}, {
	name:    "es",
	minutes: " min", seconds: " s",
	plain:      "Tu código: {code}",
	named:      "Código de {app}: {code}",
	life:       ". Vence en {time}.",
	warn:       " No lo compartas.",
	subject:    "Tu código",
	subjectApp: "Tu código de {app}",
	ignore:     "Si no lo has pedido, puedes ignorar este mensaje.",
}, {
	name:    "fr",
	minutes: " min", seconds: " s",
	plain:      "Votre code est {code}",
	named:      "Votre code {app} est {code}",
	life:       ". Il expire dans {time}.",
	warn:       " Ne le partagez jamais.",
	subject:    "Votre code",
	subjectApp: "Votre code {app}",
	ignore:     "Si vous ne l'avez pas demandé, vous pouvez ignorer ce message.",
}, {
	name:    "pt-br",
	minutes: " min", seconds: " s",
	plain:      "Seu código: {code}",
	named:      "Seu código {app}: {code}",
	life:       ". Expira em {time}.",
	warn:       " Não compartilhe.",
	subject:    "Seu código",
	subjectApp: "Seu código {app}",
	ignore:     "Se você não pediu este código, pode ignorar esta mensagem.",
}, {
	name:    "it",
	minutes: " min", seconds: " s",
	plain: "Il tuo codice è {code}",
	named: "Il tuo codice {app} è {code}",
	life:  ". Scade tra {time}.",
	warn:  " Non condividerlo con nessuno.",
}, {
	name:    "de-DE",
	minutes: " min", seconds: " s",
	plain: "Ihr Code ist {code}",
	named: "Ihr Code für {app} ist {code}",
	life:  ". Er läuft in {time} ab.",
	warn:  " Geben Sie ihn nicht weiter.",
}, {
	name:    "zh-Hans",
	minutes: "分钟", seconds: "秒",
	plain: "您的验证码是{code}",
	named: "【{app}】您的验证码是{code}",
	life:  "，{time}内有效。",
	warn:  "请勿告诉他人。",
}, {
	name:    "ca-ES",
	minutes: " min", seconds: " s",
	plain: "El teu codi és {code}",
	named: "El teu codi per a {app} és {code}",
	life:  ". Vàlid durant {time}.",
	warn:  " No el comparteixis.",
}, {
	name:    "ja",
	minutes: "分", seconds: "秒",
	plain: "認証コードは{code}です",
	named: "{app}の認証コードは{code}です",
	life:  "。有効期限は{time}です。",
	warn:  "他人に教えないでください。",
}, {
	name:    "ru",
	minutes: " мин", seconds: " с",
	plain: "Ваш код: {code}",
	named: "Ваш код для {app}: {code}",
	life:  ". Действует {time}.",
	warn:  " Никому его не сообщайте.",
}, {
	name:    "nl",
	minutes: " min", seconds: " s",
	plain: "Je code is {code}",
	named: "Je code voor {app} is {code}",
	life:  ". Hij verloopt over {time}.",
	warn:  " Deel hem met niemand.",
}, {
	name:    "pl",
	minutes: " min", seconds: " s",
	plain: "Kod weryfikacyjny: {code}",
	named: "Kod do {app}: {code}",
	life:  ". Wygasa za {time}.",
	warn:  " Nikomu go nie podawaj.",
}, {
	name:    "tr",
	minutes: " dk", seconds: " sn",
	plain: "Kodunuz: {code}",
	named: "{app} kodunuz: {code}",
	life:  ". {time} geçerlidir.",
	warn:  " Kimseyle paylaşmayın.",
}, {
	// Written from right to left. The code has a line, and so a direction, of
	// its own: behind Persian letters the halves of one that mixes digits and
	// Latin letters could change places on the screen.
	name:    "fa",
	minutes: " دقیقه", seconds: " ثانیه",
	plain: "کد شما:\n{code}",
	named: "کد شما برای {app}:\n{code}",
	life:  "\nتا {time} معتبر است.",
	warn:  " آن را به کسی ندهید.",
}, {
	name:    "vi",
	minutes: " phút", seconds: " giây",
	plain: "Mã của bạn là {code}",
	named: "Mã {app} của bạn là {code}",
	life:  ". Hết hạn sau {time}.",
	warn:  " Không chia sẻ mã này.",
}, {
	name:    "cs",
	minutes: " min", seconds: " s",
	plain: "Váš kód: {code}",
	named: "Váš kód pro {app}: {code}",
	life:  ". Platí {time}.",
	warn:  " Nikomu ho nesdělujte.",
}}
