#!/bin/sh
# Starts Apache with mod_auth_openidc in the foreground, as one process, below the folder $1, and prints
# "ready" when it listens. Everything but the block of OIDC directives is needed by any site.
set -eu
root=$1
modules=/usr/lib/apache2/modules
home=http://localhost:$PORT
chmod 755 "$root"

cat >"$root/httpd.conf" <<CONF
ServerRoot "$root"
ServerName localhost
Listen 127.0.0.1:$PORT
PidFile "$root/pid"
Mutex file:$root
User www-data
Group www-data
KeepAlive Off
ErrorLog /dev/stderr
LoadModule mpm_prefork_module $modules/mod_mpm_prefork.so
LoadModule authn_core_module $modules/mod_authn_core.so
LoadModule authz_core_module $modules/mod_authz_core.so
LoadModule authz_user_module $modules/mod_authz_user.so
LoadModule alias_module $modules/mod_alias.so
LoadModule cgi_module $modules/mod_cgi.so
LoadModule auth_openidc_module $modules/mod_auth_openidc.so

OIDCProviderMetadataURL $ISSUER/.well-known/openid-configuration
OIDCClientID $CLIENT_ID
OIDCClientSecret $CLIENT_SECRET
OIDCRedirectURI $REDIRECT_URI
OIDCCryptoPassphrase of-the-module-itself
OIDCPassUserInfoAs json
OIDCPassRefreshToken On
<LocationMatch "^/(sign-in|user|refresh|secret)">
  AuthType openid-connect
  Require valid-user
</LocationMatch>

ScriptAlias /sign-in "$root/user.cgi"
ScriptAlias /user "$root/user.cgi"
ScriptAlias /goodbye "$root/goodbye.cgi"
ScriptAlias /refresh "$root/refresh.cgi"
Redirect 302 /sign-out "$REDIRECT_URI?logout=$home/goodbye"
CONF

cat >"$root/user.cgi" <<'CGI'
#!/bin/sh
printf 'Content-Type: application/json\n\n{"sub":"%s","userinfo":%s,"access_token":"%s","refresh_token":"%s"}' \
  "$OIDC_CLAIM_sub" "$OIDC_userinfo_json" "$OIDC_access_token" "$OIDC_refresh_token"
CGI
cat >"$root/goodbye.cgi" <<'CGI'
#!/bin/sh
printf 'Content-Type: application/json\n\n{"at":"goodbye"}'
CGI
# The module's refresh hook requires the token to be replaced, against forged requests.
cat >"$root/refresh.cgi" <<CGI
#!/bin/sh
printf 'Status: 302\nLocation: %s?refresh=%s&access_token=%s\n\n' \\
  "$REDIRECT_URI" "$home/goodbye" "\$OIDC_access_token"
CGI
chmod 755 "$root"/*.cgi

# Waits for the port for up to two minutes, then prints the line for which the test waits.
(
  for _ in $(seq 2400); do
    if bash -c "exec 3<>/dev/tcp/127.0.0.1/$PORT" 2>/dev/null; then
      echo ready
      break
    fi
    sleep 0.05
  done
) &
exec "$APACHE" -X -f "$root/httpd.conf"
