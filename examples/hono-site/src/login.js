import * as z from 'zod'

// A browser sends an empty field as an empty string, so a missing value has two shapes and one message.
const filled = (message) => z.string(message).min(1, message)

// public/static/app.js shows the same messages before the form is sent; these here decide.
const Login = z.object({
  email: filled('Enter your e-mail address.').pipe(z.email('Enter a valid e-mail address.')),
  password: filled('Enter your password.').min(8, 'A password has at least 8 characters.'),
})

/** Judge a submitted form: `errors` holds one message for each bad field, or is undefined. */
export function checkLogin(form) {
  const email = typeof form.email === 'string' ? form.email : ''
  const result = Login.safeParse(form)
  if (result.success) return { email }

  const { fieldErrors } = z.flattenError(result.error)
  const errors = Object.fromEntries(Object.entries(fieldErrors).map(([field, [first]]) => [field, first]))
  return { email, errors }
}
