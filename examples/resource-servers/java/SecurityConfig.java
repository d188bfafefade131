// An API with Spring Boot that accepts access tokens of Signet: the configuration of Spring Security.
// Not run by Signet's tests: try it with the tokens of docs/verifiers.md before you rely on it.
package com.example.orders;

import static org.springframework.security.config.Customizer.withDefaults;

import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpStatus;
import org.springframework.security.authorization.AuthorizationDecision;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.config.http.SessionCreationPolicy;
import org.springframework.security.core.GrantedAuthority;
import org.springframework.security.oauth2.core.DelegatingOAuth2TokenValidator;
import org.springframework.security.oauth2.core.OAuth2Error;
import org.springframework.security.oauth2.core.OAuth2TokenValidator;
import org.springframework.security.oauth2.core.OAuth2TokenValidatorResult;
import org.springframework.security.oauth2.jose.jws.SignatureAlgorithm;
import org.springframework.security.oauth2.jwt.BadJwtException;
import org.springframework.security.oauth2.jwt.Jwt;
import org.springframework.security.oauth2.jwt.JwtDecoder;
import org.springframework.security.oauth2.jwt.JwtValidators;
import org.springframework.security.oauth2.jwt.NimbusJwtDecoder;
import org.springframework.security.oauth2.server.resource.InvalidBearerTokenException;
import org.springframework.security.web.SecurityFilterChain;

@Configuration
public class SecurityConfig {
    static final String ISSUER = "http://localhost:8484";
    static final String AUDIENCE = "https://api.example.com";
    static final String SCOPE = "orders:read";
    static final String TYPE = "at+jwt";
    static final List<String> ALGORITHMS = List.of("ES256", "RS256");

    static final String ENCODED_AUDIENCE = URLEncoder.encode(AUDIENCE, StandardCharsets.UTF_8);
    static final String KEYS_URL = ISSUER + "/.well-known/jwks.json?rs=" + ENCODED_AUDIENCE;
    static final String METADATA =
            "resource_metadata=\"" + ISSUER + "/v1/resource-metadata?audience=" + ENCODED_AUDIENCE + "\"";

    /** Spring reads Bearer tokens from the header only, and refuses two headers. */
    @Bean
    SecurityFilterChain api(HttpSecurity http) throws Exception {
        String[] authorities = Stream.of(SCOPE.split(" "))
                .filter(scope -> !scope.isEmpty())
                .map(scope -> "SCOPE_" + scope)
                .toArray(String[]::new);
        return http
                .csrf(csrf -> csrf.disable())
                .sessionManagement(sessions -> sessions.sessionCreationPolicy(SessionCreationPolicy.STATELESS))
                .authorizeHttpRequests(requests -> {
                    if (authorities.length == 0) {
                        requests.anyRequest().authenticated();
                    } else {
                        requests.anyRequest().access((authentication, context) ->
                                new AuthorizationDecision(
                                        authentication.get().getAuthorities().stream()
                                                .map(GrantedAuthority::getAuthority)
                                                .collect(Collectors.toSet())
                                                .containsAll(List.of(authorities))));
                    }
                })
                .oauth2ResourceServer(server -> server
                        .jwt(withDefaults())
                        .authenticationEntryPoint((request, response, failure) -> {
                            String error = failure instanceof InvalidBearerTokenException
                                    ? "error=\"invalid_token\", " : "";
                            response.setHeader(HttpHeaders.WWW_AUTHENTICATE, "Bearer " + error + METADATA);
                            response.setStatus(HttpStatus.UNAUTHORIZED.value());
                        })
                        .accessDeniedHandler((request, response, failure) -> {
                            response.setHeader(HttpHeaders.WWW_AUTHENTICATE,
                                    "Bearer error=\"insufficient_scope\", scope=\"" + SCOPE + "\", " + METADATA);
                            response.setStatus(HttpStatus.FORBIDDEN.value());
                        }))
                .build();
    }

    /** Spring decides how long keys are cached, and how often they are fetched for unknown key ids. */
    @Bean
    JwtDecoder jwtDecoder() {
        NimbusJwtDecoder decoder = NimbusJwtDecoder.withJwkSetUri(KEYS_URL)
                .jwsAlgorithms(algorithms -> {
                    algorithms.clear();
                    ALGORITHMS.forEach(name -> algorithms.add(SignatureAlgorithm.from(name)));
                })
                .validateType(false)
                .build();
        OAuth2TokenValidator<Jwt> rules = TYPE.equals("at+jwt")
                ? JwtValidators.createAtJwtValidator().issuer(ISSUER).audience(AUDIENCE).build()
                : new DelegatingOAuth2TokenValidator<>(
                        JwtValidators.createDefaultWithIssuer(ISSUER),
                        jwt -> check(jwt.getAudience() != null && jwt.getAudience().contains(AUDIENCE)));
        decoder.setJwtValidator(new DelegatingOAuth2TokenValidator<>(
                rules,
                // Bound to a key (DPoP, mutual TLS): must not be accepted as Bearer.
                jwt -> check(TYPE.equals(jwt.getHeaders().get("typ")) && !jwt.hasClaim("cnf"))));
        return token -> {
            // A token has one spelling: base64url that is not canonical is refused.
            if (!Stream.of(token.split("\\.", -1)).allMatch(SecurityConfig::isCanonical)) {
                throw new BadJwtException("the token is not canonical base64url");
            }
            return decoder.decode(token);
        };
    }

    private static OAuth2TokenValidatorResult check(boolean isGood) {
        return isGood
                ? OAuth2TokenValidatorResult.success()
                : OAuth2TokenValidatorResult.failure(new OAuth2Error("invalid_token"));
    }

    private static boolean isCanonical(String part) {
        try {
            byte[] decoded = Base64.getUrlDecoder().decode(part);
            return Base64.getUrlEncoder().withoutPadding().encodeToString(decoded).equals(part);
        } catch (IllegalArgumentException notBase64) {
            return false;
        }
    }
}
