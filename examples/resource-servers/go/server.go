// An API with net/http and golang-jwt that accepts access tokens of Signet.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"math"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const Issuer = "http://localhost:8484"
const Audience = "https://api.example.com"
const Scope = "orders:read"
const Type = "at+jwt"

var Algorithms = []string{"ES256", "RS256"}

// ---- Verification.

// Keys are cached for as long as the issuer allows, and fetched at most every 30 seconds, also after a failure.
const keep = 300 * time.Second
const pause = 30 * time.Second
const leeway = 5

// The standard library accepts headers of up to 1 MB.
const maxToken = 16 << 10

var encodedAudience = url.QueryEscape(Audience)
var keysURL = Issuer + "/.well-known/jwks.json?rs=" + encodedAudience
var metadata = fmt.Sprintf(`resource_metadata="%s/v1/resource-metadata?audience=%s"`, Issuer, encodedAudience)

// refused is the response to a refused request (RFC 6750 section 3).
type refused struct {
	status                int
	challenge, retryAfter string
}

func (r *refused) Error() string { return fmt.Sprintf("refused with %d", r.status) }

func (r *refused) write(w http.ResponseWriter) {
	if r.challenge != "" {
		w.Header().Set("WWW-Authenticate", r.challenge)
	}
	if r.retryAfter != "" {
		w.Header().Set("Retry-After", r.retryAfter)
	}
	w.WriteHeader(r.status)
}

var (
	noToken      = &refused{401, "Bearer " + metadata, ""}
	invalidToken = &refused{401, `Bearer error="invalid_token", ` + metadata, ""}
	missingScope = &refused{403, fmt.Sprintf(`Bearer error="insufficient_scope", scope="%s", %s`, Scope, metadata), ""}
	unavailable  = &refused{503, "", "30"}
)

// keySet has the issuer's keys. Valid ones are kept.
type keySet struct {
	mutex              sync.Mutex
	known              map[string]any
	staleAt, nextFetch time.Time
}

var keys keySet

func (k *keySet) get(kid string) (any, error) {
	// Concurrent callers wait for one fetch.
	k.mutex.Lock()
	defer k.mutex.Unlock()
	now := time.Now()
	if (k.known[kid] == nil || now.After(k.staleAt)) && now.After(k.nextFetch) {
		k.nextFetch = now.Add(pause)
		if err := k.fetch(); err != nil {
			log.Printf("the keys of %s cannot be fetched: %v", Issuer, err)
		}
	}
	if k.known == nil {
		return nil, unavailable
	}
	if k.known[kid] == nil {
		return nil, errors.New("unknown key")
	}
	return k.known[kid], nil
}

func (k *keySet) fetch() error {
	client := http.Client{Timeout: 2 * time.Second}
	response, err := client.Get(keysURL)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var set struct {
		Keys []struct{ Kid, Kty, Crv, X, Y, N, E string }
	}
	if err := json.NewDecoder(response.Body).Decode(&set); err != nil {
		return err
	}
	known := map[string]any{}
	for _, key := range set.Keys {
		switch {
		case key.Kty == "EC" && key.Crv == "P-256":
			known[key.Kid] = &ecdsa.PublicKey{Curve: elliptic.P256(), X: number(key.X), Y: number(key.Y)}
		case key.Kty == "RSA":
			known[key.Kid] = &rsa.PublicKey{N: number(key.N), E: int(number(key.E).Int64())}
		}
	}
	if response.StatusCode != 200 || len(known) == 0 {
		return fmt.Errorf("status %d, %d keys", response.StatusCode, len(known))
	}
	k.known, k.staleAt = known, time.Now().Add(keep)
	return nil
}

func number(text string) *big.Int {
	bytes, _ := base64.RawURLEncoding.DecodeString(text)
	return new(big.Int).SetBytes(bytes)
}

var scheme = regexp.MustCompile(`(?i)^bearer\b`)
var credentials = regexp.MustCompile(`(?i)^bearer +([\w-]+\.[\w-]+\.[\w-]+)$`)

// bearerToken accepts one spelling of a token: base64url that is not canonical is refused.
func bearerToken(values []string) (string, error) {
	if len(values) == 0 || !scheme.MatchString(values[0]) {
		return "", noToken
	}
	found := credentials.FindStringSubmatch(values[0])
	if len(values) != 1 || found == nil || len(found[1]) > maxToken {
		return "", invalidToken
	}
	for _, part := range strings.Split(found[1], ".") {
		if _, err := base64.RawURLEncoding.Strict().DecodeString(part); err != nil {
			return "", invalidToken
		}
	}
	return found[1], nil
}

// authenticate returns the claims of a request's access token, or a *refused.
func authenticate(r *http.Request) (jwt.MapClaims, error) {
	text, err := bearerToken(r.Header.Values("Authorization"))
	if err != nil {
		return nil, err
	}
	claims := jwt.MapClaims{}
	// The claims are checked below: versions 4 and 5 of the library check them in different ways.
	parser := jwt.NewParser(jwt.WithValidMethods(Algorithms), jwt.WithoutClaimsValidation())
	var missingKeys error
	token, err := parser.ParseWithClaims(text, claims, func(token *jwt.Token) (any, error) {
		kid, _ := token.Header["kid"].(string)
		key, err := keys.get(kid)
		if err == unavailable {
			missingKeys = err
		}
		return key, err
	})
	if missingKeys != nil {
		return nil, missingKeys
	}
	if err != nil || token.Header["typ"] != Type || token.Header["crit"] != nil || !isOurs(claims) {
		return nil, invalidToken
	}
	scope, _ := claims["scope"].(string)
	granted := " " + scope + " "
	for _, needed := range strings.Fields(Scope) {
		if !strings.Contains(granted, " "+needed+" ") {
			return nil, missingScope
		}
	}
	return claims, nil
}

func isOurs(claims jwt.MapClaims) bool {
	now := float64(time.Now().Unix())
	exp, hasExp := claims["exp"].(float64)
	iat, hasIat := claims["iat"].(float64)
	nbf, hasNbf := claims["nbf"].(float64)
	if !hasExp || exp <= now-leeway || !hasIat || iat > now+leeway || math.IsNaN(exp) {
		return false
	}
	if claims["nbf"] != nil && (!hasNbf || nbf > now+leeway) {
		return false
	}
	for _, name := range []string{"jti", "sub", "client_id"} {
		if text, _ := claims[name].(string); text == "" {
			return false
		}
	}
	audiences, isList := claims["aud"].([]any)
	if !isList {
		audiences = []any{claims["aud"]}
	}
	isForUs := false
	for _, audience := range audiences {
		isForUs = isForUs || audience == Audience
	}
	// Bound to a key (DPoP, mutual TLS): must not be accepted as Bearer.
	return isForUs && claims["iss"] == Issuer && claims["cnf"] == nil
}

// ---- The API.

// requireToken is middleware: the handler behind it is called with the claims.
func requireToken(handler func(http.ResponseWriter, *http.Request, jwt.MapClaims)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		claims, err := authenticate(r)
		var answer *refused
		if errors.As(err, &answer) {
			answer.write(w)
			return
		}
		handler(w, r, claims)
	}
}

func main() {
	http.HandleFunc("/orders", requireToken(func(w http.ResponseWriter, r *http.Request, claims jwt.MapClaims) {
		scope, _ := claims["scope"].(string)
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]any{"sub": claims["sub"], "scope": scope})
	}))
	keys.get("")
	port := os.Getenv("PORT")
	if port == "" {
		port = "3000"
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on http://%s\n", listener.Addr())
	log.Fatal(http.Serve(listener, nil))
}
