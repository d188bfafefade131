# frozen_string_literal: true

# omniauth_openid_connect in a Rack application: the library implements sign-in and userinfo. The refresh uses
# its underlying client of openid_connect. Its log-out request has no ID token, so the application sends one.
require 'json'
require 'omniauth'
require 'omniauth_openid_connect'
require 'rack'
require 'rack/handler/webrick'
require 'rack/session/pool'

ISSUER, ID, SECRET, REDIRECT_URI, PORT =
  ENV.values_at('ISSUER', 'CLIENT_ID', 'CLIENT_SECRET', 'REDIRECT_URI', 'PORT')
GOODBYE = "http://localhost:#{PORT}/goodbye"
# The issuer is on loopback; discovery has to be told to allow plain http.
SWD.url_builder = URI::HTTP
OmniAuth.config.logger = Logger.new($stderr)
OmniAuth.config.on_failure = ->(env) { raise env['omniauth.error'] }
CLIENT_OPTIONS = { identifier: ID, secret: SECRET, redirect_uri: REDIRECT_URI }.freeze

def client
  config = OpenIDConnect::Discovery::Provider::Config.discover!(ISSUER)
  OpenIDConnect::Client.new(CLIENT_OPTIONS.merge(token_endpoint: config.token_endpoint))
end

def json(body)
  [200, { 'Content-Type' => 'application/json' }, [JSON.generate(body)]]
end

def redirect(url)
  [302, { 'Location' => url }, []]
end

def end_session(id_token)
  config = OpenIDConnect::Discovery::Provider::Config.discover!(ISSUER)
  query = URI.encode_www_form(id_token_hint: id_token, post_logout_redirect_uri: GOODBYE)
  "#{config.end_session_endpoint}?#{query}"
end

# The library requires a POST with a CSRF token: a page with a button.
def sign_in(session)
  token = Rack::Protection::AuthenticityToken.token(session)
  button = "<input type=\"hidden\" name=\"authenticity_token\" value=\"#{Rack::Utils.escape_html(token)}\">"
  form = "<form action=\"/auth/openid_connect\" method=\"post\">#{button}</form>"
  [200, { 'Content-Type' => 'text/html' }, [form]]
end

def refresh(session)
  one = client
  one.refresh_token = session[:user]['refresh_token']
  newer = one.access_token!
  tokens = { 'access_token' => newer.access_token, 'refresh_token' => newer.refresh_token }
  session[:user] = session[:user].merge(tokens)
  redirect('/')
end

def signed_in(auth, session)
  tokens = auth['credentials']
  session[:user] = {
    'sub' => auth['uid'], 'userinfo' => auth['extra']['raw_info'], 'id_token' => tokens['id_token'],
    'access_token' => tokens['token'], 'refresh_token' => tokens['refresh_token']
  }
  redirect('/')
end

PAGES = lambda do |env|
  session = env['rack.session']
  case env['PATH_INFO']
  when '/sign-in' then sign_in(session)
  when '/auth/openid_connect/callback' then signed_in(env['omniauth.auth'], session)
  when '/user' then json(session[:user])
  when '/refresh' then refresh(session)
  when '/sign-out' then redirect(end_session(session.delete(:user)['id_token']))
  else json(at: env['PATH_INFO'])
  end
end

app = Rack::Builder.new do
  use Rack::Session::Pool
  use OmniAuth::Builder do
    provider :openid_connect, issuer: ISSUER, discovery: true, scope: %i[openid profile],
                              client_options: CLIENT_OPTIONS
  end
  run PAGES
end

options = { Host: 'localhost', Port: PORT, AccessLog: [], Logger: WEBrick::Log.new($stderr) }
Rack::Handler::WEBrick.run(app.to_app, **options) { puts('ready') || $stdout.flush }
