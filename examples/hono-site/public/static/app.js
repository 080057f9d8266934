// Works on pages that are complete without it: it only answers sooner than the server would.

const form = document.querySelector('[data-login]')
if (form) checkBeforeSending(form)

const note = document.querySelector('[data-health]')
if (note) reportTrouble(note)

function checkBeforeSending(form) {
  // The browser's own bubbles vanish after a few seconds; a message beside the field stays.
  form.noValidate = true

  form.addEventListener('submit', (event) => {
    const bad = [...form.elements].filter((field) => field.name && !showMessage(field))
    if (bad.length === 0) return
    event.preventDefault()
    bad[0].focus()
  })

  // Once a field is marked, follow the typing, so that the message goes as soon as it is wrong.
  form.addEventListener('input', ({ target }) => {
    if (target.getAttribute('aria-invalid')) showMessage(target)
  })
}

function showMessage(field) {
  const message = messageFor(field)
  if (message) field.setAttribute('aria-invalid', 'true')
  else field.removeAttribute('aria-invalid')
  document.getElementById(field.getAttribute('aria-describedby')).textContent = message
  return message === ''
}

function messageFor(field) {
  const { valueMissing, typeMismatch } = field.validity
  if (valueMissing) return field.name === 'email' ? 'Enter your e-mail address.' : 'Enter your password.'
  if (typeMismatch) return 'Enter a valid e-mail address.'
  // Not validity.tooShort: browsers leave that false for a value the server or a password manager put in.
  if (field.minLength > 0 && field.value.length < field.minLength) {
    return `A password has at least ${field.minLength} characters.`
  }
  return ''
}

async function reportTrouble(note) {
  let status
  try {
    const response = await fetch('/api/health/status')
    status = (await response.json()).status
  } catch {
    status = 'unreachable'
  }
  if (status === 'healthy') return
  note.textContent = 'The booking system has trouble at the moment. Please call the office.'
  note.hidden = false
}
