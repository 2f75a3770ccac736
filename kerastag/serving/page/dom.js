// Small helpers; text always goes in as text, never as markup.

/** An element with attributes and children; null ones are left out. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

export const byId = (id) => document.getElementById(id);

/** 187.4 to "3:07". */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds + 1e-6));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const rest = String(whole % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** What a screen reader says of a position. */
export function spokenClock(seconds) {
  const [minutes, rest] = [Math.floor(seconds / 60), Math.floor(seconds % 60)];
  const named = (count, unit) => `${count} ${unit}${count === 1 ? "" : "s"}`;
  return minutes ? `${named(minutes, "minute")} ${named(rest, "second")}` : named(rest, "second");
}

export const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
