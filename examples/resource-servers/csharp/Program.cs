// An API with ASP.NET Core and AddJwtBearer that accepts access tokens of Signet.
// Not run by Signet's tests: try it with the tokens of docs/verifiers.md before you rely on it.
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

const string Issuer = "http://localhost:8484";
const string Audience = "https://api.example.com";
const string Scope = "orders:read";
const string Type = "at+jwt";
string[] Algorithms = ["ES256", "RS256"];

var encodedAudience = Uri.EscapeDataString(Audience);
var keysUrl = $"{Issuer}/.well-known/jwks.json?rs={encodedAudience}";
var metadata = $"resource_metadata=\"{Issuer}/v1/resource-metadata?audience={encodedAudience}\"";

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddAuthentication(JwtBearerDefaults.AuthenticationScheme).AddJwtBearer(options =>
{
    // Keys are fetched again after five minutes, for an unknown key at most every 30 seconds, and kept when that fails.
    options.ConfigurationManager = new ConfigurationManager<OpenIdConnectConfiguration>(
        keysUrl, new KeySetRetriever(), new HttpDocumentRetriever { RequireHttps = Issuer.StartsWith("https:") })
    {
        AutomaticRefreshInterval = TimeSpan.FromMinutes(5),
        RefreshInterval = TimeSpan.FromSeconds(30),
    };
    // Claims keep the names that they have in the token.
    options.MapInboundClaims = false;
    options.TokenValidationParameters = new TokenValidationParameters
    {
        ValidIssuer = Issuer,
        ValidAudience = Audience,
        ValidTypes = [Type],
        ValidAlgorithms = Algorithms,
        RequireExpirationTime = true,
        RequireSignedTokens = true,
        ClockSkew = TimeSpan.FromSeconds(5),
    };
    options.Events = new JwtBearerEvents
    {
        OnMessageReceived = context =>
        {
            // From one header only. A token has one spelling: base64url that is not canonical is refused.
            var values = context.Request.Headers.Authorization;
            if (!values.Any(value => Regex.IsMatch(value ?? "", @"^Bearer\b", RegexOptions.IgnoreCase)))
            {
                context.NoResult();
                return Task.CompletedTask;
            }
            var found = Regex.Match(values[0] ?? "", @"^Bearer +((?:[A-Za-z0-9_-]+\.){2}[A-Za-z0-9_-]+)\z", RegexOptions.IgnoreCase);
            if (values.Count == 1 && found.Success && found.Groups[1].Value.Split('.').All(IsCanonical))
            {
                context.Token = found.Groups[1].Value;
            }
            else
            {
                context.Fail("malformed credentials");
            }
            return Task.CompletedTask;
        },
        OnTokenValidated = context =>
        {
            string[] needed = ["iat", "jti", "sub", "client_id"];
            var claims = context.Principal!.Claims.ToLookup(claim => claim.Type, claim => claim.Value);
            var isFromTheFuture = long.TryParse(claims["iat"].FirstOrDefault(), out var iat)
                && iat > DateTimeOffset.UtcNow.ToUnixTimeSeconds() + 5;
            // Bound to a key (DPoP, mutual TLS): must not be accepted as Bearer.
            if (!needed.All(claims.Contains) || isFromTheFuture || claims.Contains("cnf"))
            {
                context.Fail("not an access token for this API");
            }
            return Task.CompletedTask;
        },
        OnChallenge = context =>
        {
            context.HandleResponse();
            var error = context.AuthenticateFailure is null ? "" : "error=\"invalid_token\", ";
            context.Response.StatusCode = 401;
            context.Response.Headers.WWWAuthenticate = $"Bearer {error}{metadata}";
            return Task.CompletedTask;
        },
        OnForbidden = context =>
        {
            context.Response.Headers.WWWAuthenticate =
                $"Bearer error=\"insufficient_scope\", scope=\"{Scope}\", {metadata}";
            return Task.CompletedTask;
        },
    };
});
builder.Services.AddAuthorizationBuilder().AddPolicy("token", policy => policy
    .RequireAuthenticatedUser()
    .RequireAssertion(context =>
    {
        var granted = (context.User.FindFirst("scope")?.Value ?? "").Split(' ');
        return Scope.Split(' ', StringSplitOptions.RemoveEmptyEntries).All(granted.Contains);
    }));

var app = builder.Build();
app.UseAuthentication();
app.UseAuthorization();
app.MapGet("/orders", (HttpContext context) => new
{
    sub = context.User.FindFirst("sub")?.Value,
    scope = context.User.FindFirst("scope")?.Value ?? "",
}).RequireAuthorization("token");
app.Run();

static bool IsCanonical(string part)
{
    try
    {
        return Base64UrlEncoder.Encode(Base64UrlEncoder.DecodeBytes(part)) == part;
    }
    catch (FormatException)
    {
        return false;
    }
}

/// <summary>Reads a key set where AddJwtBearer expects metadata.</summary>
sealed class KeySetRetriever : IConfigurationRetriever<OpenIdConnectConfiguration>
{
    public async Task<OpenIdConnectConfiguration> GetConfigurationAsync(
        string address, IDocumentRetriever retriever, CancellationToken cancel)
    {
        var configuration = new OpenIdConnectConfiguration();
        var keys = new JsonWebKeySet(await retriever.GetDocumentAsync(address, cancel)).GetSigningKeys();
        if (keys.Count == 0)
        {
            throw new InvalidOperationException("the key set is empty");
        }
        foreach (var key in keys)
        {
            configuration.SigningKeys.Add(key);
        }
        return configuration;
    }
}
