// What the script is asked to do: a URL, or a command to speak with over its standard input and output.

const USAGE = `usage: node script.mjs --url URL [--token TOKEN] [--canary TEXT] [--http2]
       node script.mjs --stdio [--canary TEXT] -- COMMAND [ARGUMENT…]`;

export function parse(words) {
  const options = { canary: "hello" };
  for (let at = 0; at < words.length; at += 1) {
    if (words[at] === "--") return checked({ ...options, command: words.slice(at + 1) });
    if (["--stdio", "--http2"].includes(words[at])) options[words[at].slice(2)] = true;
    else options[key(words[at])] = value(words, (at += 1));
  }
  return checked(options);
}

function key(word) {
  if (["--url", "--token", "--canary"].includes(word)) return word.slice(2);
  throw new Error(`there is no argument ${word}\n${USAGE}`);
}

function value(words, at) {
  if (words[at] !== undefined) return words[at];
  throw new Error(`${words[at - 1]} needs a value\n${USAGE}`);
}

function checked(options) {
  const whole = options.stdio ? options.command?.length > 0 && !options.url : options.url && !options.command;
  if (whole) return options;
  throw new Error(`name either --url or --stdio with a command\n${USAGE}`);
}
