# frozen_string_literal: true

# An API with Rack and ruby-jwt that accepts access tokens of Signet.
require 'base64'
require 'json'
require 'jwt'
require 'net/http'
require 'uri'

ISSUER = 'http://localhost:8484'
AUDIENCE = 'https://api.example.com'
SCOPE = 'orders:read'
TYPE = 'at+jwt'
ALGORITHMS = ['ES256', 'RS256'].freeze

# Rack middleware: the application behind it finds the claims in `env['signet.claims']`.
class RequireToken
  # Seconds. Keys are cached for as long as the issuer allows, and fetched at most every 30 seconds, also after a failure.
  KEEP = 300
  PAUSE = 30
  LEEWAY = 5
  # WEBrick accepts headers of more than 100 KB.
  MAX_TOKEN = 16 * 1024
  ENCODED_AUDIENCE = URI.encode_www_form_component(AUDIENCE)
  KEYS_URL = URI("#{ISSUER}/.well-known/jwks.json?rs=#{ENCODED_AUDIENCE}")
  METADATA = %(resource_metadata="#{ISSUER}/v1/resource-metadata?audience=#{ENCODED_AUDIENCE}")
  RULES = { algorithms: ALGORITHMS, iss: ISSUER, verify_iss: true, aud: AUDIENCE, verify_aud: true,
            leeway: LEEWAY }.freeze

  # The response to a refused request (RFC 6750 section 3).
  class Refused < StandardError
    attr_reader :status, :headers

    def initialize(status, headers)
      super("refused with #{status}")
      @status = status
      @headers = headers
    end
  end

  def initialize(app)
    @app = app
    @mutex = Mutex.new
    @keys = {}
    @stale_at = @next_fetch = 0
    @mutex.synchronize { fetch }
  end

  def call(env)
    claims = authenticate(env['HTTP_AUTHORIZATION'])
    @app.call(env.merge('signet.claims' => claims))
  rescue Refused => e
    [e.status, e.headers, []]
  end

  private

  def challenge(status, error = '')
    # Lower case, as Rack 3 requires.
    Refused.new(status, { 'www-authenticate' => "Bearer #{error}#{METADATA}" })
  end

  def invalid_token
    challenge(401, 'error="invalid_token", ')
  end

  # The claims of an access token.
  def authenticate(authorization)
    token = bearer_token(authorization)
    begin
      header = JSON.parse(decoded(token.split('.').first))
      claims, = JWT.decode(token, key(header['kid']), true, RULES)
    rescue Refused
      raise
    rescue StandardError # Every failure means that the token is not verified.
      raise invalid_token
    end
    raise invalid_token unless access_token?(header, claims)

    granted = claims['scope'].to_s.split
    return claims if (SCOPE.split - granted).empty?

    raise challenge(403, %(error="insufficient_scope", scope="#{SCOPE}", ))
  end

  # Checks that the library does not make: the type, extensions, required claims, and the time of issue.
  def access_token?(header, claims)
    header['typ'] == TYPE && !header.key?('crit') && claims.is_a?(Hash) &&
      %w[exp iat].all? { |name| claims[name].is_a?(Numeric) } && claims['iat'] <= Time.now.to_i + LEEWAY &&
      %w[jti sub client_id].all? { |name| claims[name].is_a?(String) } &&
      # Bound to a key (DPoP, mutual TLS): must not be accepted as Bearer.
      !claims.key?('cnf')
  end

  # The token of a request. A token has one spelling: base64url that is not canonical is refused. Two headers arrive
  # as one value with a comma, which is not a token.
  def bearer_token(authorization)
    raise challenge(401) unless authorization&.match?(/\Abearer\b/i)

    token = authorization[/\Abearer +([\w-]+\.[\w-]+\.[\w-]+)\z/i, 1]
    raise invalid_token if authorization.bytesize > MAX_TOKEN
    raise invalid_token unless token&.split('.')&.all? { |part| canonical?(part) }

    token
  end

  def decoded(part)
    Base64.urlsafe_decode64(part)
  end

  def canonical?(part)
    Base64.urlsafe_encode64(decoded(part), padding: false) == part
  rescue ArgumentError
    false
  end

  # Concurrent callers wait for one fetch. Valid keys are kept.
  def key(kid)
    @mutex.synchronize do
      now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      fetch if (!@keys.key?(kid) || now >= @stale_at) && now >= @next_fetch
      raise Refused.new(503, { 'retry-after' => '30' }) if @keys.empty?

      @keys.fetch(kid)
    end
  end

  def fetch
    now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    @next_fetch = now + PAUSE
    http = { use_ssl: KEYS_URL.scheme == 'https', open_timeout: 2, read_timeout: 2 }
    response = Net::HTTP.start(KEYS_URL.host, KEYS_URL.port, **http) { |connection| connection.get(KEYS_URL.request_uri) }
    keys = JSON.parse(response.body).fetch('keys').to_h { |jwk| [jwk['kid'], public_key(JWT::JWK.import(jwk))] }
    raise "status #{response.code}, #{keys.size} keys" unless response.code == '200' && keys.any?

    @keys = keys
    @stale_at = now + KEEP
  rescue StandardError => e
    warn "The keys of #{ISSUER} cannot be fetched: #{e.message}"
  end

  # Versions before 2.8 have one method for both steps.
  def public_key(jwk)
    jwk.respond_to?(:verify_key) ? jwk.verify_key : jwk.keypair
  end
end

# The API.
ORDERS = lambda do |env|
  claims = env['signet.claims']
  body = JSON.generate({ sub: claims['sub'], scope: claims['scope'].to_s })
  [200, { 'content-type' => 'application/json' }, [body]]
end

if $PROGRAM_NAME == __FILE__
  require 'rack'
  begin
    require 'rackup/handler/webrick'
    handler = Rackup::Handler::WEBrick
  rescue LoadError # Rack 2
    require 'rack/handler/webrick'
    handler = Rack::Handler::WEBrick
  end
  port = Integer(ENV.fetch('PORT', '3000'))
  handler.run(RequireToken.new(ORDERS), Host: '127.0.0.1', Port: port, AccessLog: [])
end
