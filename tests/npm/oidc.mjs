// An OpenID provider (the certified `oidc-provider`), at which every user signs in with any password. It is told its own
// port and the address of the log, and prints a line when it listens.
//
// Users who begin with "a" are in the group "sre", others in "staff". Groups are in userinfo, as the provider does it by
// default. SECRET is the client's secret.

import Provider from "oidc-provider";

const [port, log] = process.argv.slice(2);
const issuer = `http://localhost:${port}`;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: "audit-pages",
      client_secret: process.env.SECRET,
      redirect_uris: [`${log}/sign-in/oidc/callback`],
      backchannel_logout_uri: `${log}/sign-in/oidc/logout`,
      backchannel_logout_session_required: true,
    },
  ],
  claims: { groups: ["groups"] },
  scopes: ["openid", "groups"],
  features: { backchannelLogout: { enabled: true } },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, groups: [id.startsWith("a") ? "sre" : "staff"] }),
  }),
});

provider.on("server_error", (_, error) => console.error(error));
provider.listen(Number(port), "127.0.0.1", () => console.log(`listening at ${issuer}`));
