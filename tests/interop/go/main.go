// golang.org/x/oauth2 with go-oidc: the usual pair in Go applications. The library refreshes, the application
// logs out.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/coreos/go-oidc"
	"golang.org/x/oauth2"
)

// The application has one user at a time.
var (
	config   oauth2.Config
	provider *oidc.Provider
	token    *oauth2.Token
	idToken  string
	sub      string
	home     = "http://localhost:" + os.Getenv("PORT")
)

func handle(path string, page func(http.ResponseWriter, *http.Request) error) {
	http.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		if err := page(w, r); err != nil {
			fmt.Fprintln(os.Stderr, err)
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
}

func answer(w http.ResponseWriter, body interface{}) error {
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(body)
}

func callback(w http.ResponseWriter, r *http.Request) (err error) {
	if r.URL.Query().Get("state") != "a state" {
		return fmt.Errorf("another state: %s", r.URL)
	}
	if token, err = config.Exchange(r.Context(), r.URL.Query().Get("code")); err != nil {
		return err
	}
	idToken, _ = token.Extra("id_token").(string)
	verified, err := provider.Verifier(&oidc.Config{ClientID: config.ClientID}).Verify(r.Context(), idToken)
	if err != nil {
		return err
	}
	if verified.Nonce != "a nonce" {
		return fmt.Errorf("another nonce: %s", verified.Nonce)
	}
	sub = verified.Subject
	http.Redirect(w, r, "/", http.StatusFound)
	return nil
}

func user(w http.ResponseWriter, r *http.Request) error {
	info, err := provider.UserInfo(r.Context(), oauth2.StaticTokenSource(token))
	if err != nil {
		return err
	}
	claims := map[string]interface{}{}
	if err := info.Claims(&claims); err != nil {
		return err
	}
	return answer(w, map[string]interface{}{
		"sub": sub, "userinfo": claims,
		"access_token": token.AccessToken, "refresh_token": token.RefreshToken,
	})
}

func refresh(w http.ResponseWriter, r *http.Request) (err error) {
	// The library refreshes a token that has expired.
	old := *token
	old.Expiry = time.Now().Add(-time.Hour)
	if token, err = config.TokenSource(context.Background(), &old).Token(); err != nil {
		return err
	}
	http.Redirect(w, r, "/", http.StatusFound)
	return nil
}

func signOut(w http.ResponseWriter, r *http.Request) error {
	var metadata struct {
		EndSession string `json:"end_session_endpoint"`
	}
	if err := provider.Claims(&metadata); err != nil {
		return err
	}
	query := url.Values{"id_token_hint": {idToken}, "post_logout_redirect_uri": {home + "/goodbye"}}
	http.Redirect(w, r, metadata.EndSession+"?"+query.Encode(), http.StatusFound)
	return nil
}

func main() {
	var err error
	provider, err = oidc.NewProvider(context.Background(), os.Getenv("ISSUER"))
	if err != nil {
		panic(err)
	}
	config = oauth2.Config{
		ClientID: os.Getenv("CLIENT_ID"), ClientSecret: os.Getenv("CLIENT_SECRET"),
		Endpoint: provider.Endpoint(), RedirectURL: os.Getenv("REDIRECT_URI"),
		Scopes: []string{oidc.ScopeOpenID, "profile", "email"},
	}
	handle("/sign-in", func(w http.ResponseWriter, r *http.Request) error {
		http.Redirect(w, r, config.AuthCodeURL("a state", oidc.Nonce("a nonce")), http.StatusFound)
		return nil
	})
	handle("/callback", callback)
	handle("/user", user)
	handle("/refresh", refresh)
	handle("/sign-out", signOut)
	handle("/", func(w http.ResponseWriter, r *http.Request) error {
		return answer(w, map[string]string{"at": r.URL.Path})
	})
	go func() {
		for {
			if _, err := http.Get(home + "/"); err == nil {
				fmt.Println("ready")
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	panic(http.ListenAndServe("localhost:"+os.Getenv("PORT"), nil))
}
