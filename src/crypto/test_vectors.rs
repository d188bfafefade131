//! Keys from RFCs, and weak keys that current libraries no longer generate.
//!
//! Test material only. Every private key here is public.

/// PKCS#8 in base64 of an RSA key with 1024 bits, made for the tests that refuse it.
pub const SHORT_RSA: &str = "MIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBAOArTPX3AknF1zvfhKOSJAMACOmjzmbmSB/j\
    GnjLzVfV+9DPoce7gK6aLjTTfpymAz+amc39OL8PcAOzghB3wtlNxA2jkNKwACDhmUiOfnETvHMjyxnDouXZ\
    RyQ275RkknY5SCEgwS5j1IgnYhabt1WTmzC3V24hR21fo+o2aXGNAgMBAAECgYBereszd8BfqE/f2egLrg3H\
    tpwNEkJ684hC74ievHVeQ+K3rvqFgYw4MqaRaUJwpy14D7QmbG0rRTnqVkb47Zw9oUm38nAlCNtizv1VR+q2\
    TYrMxgPZIl0wt6ful667rrhjPgUrew45KtMqCHv0sNoNjSnVSDb14st4XB6Z/NmTgQJBAPZ5hLRU5VHEIpMf\
    AzLcWDxfoDmBXdOzJGFisF3OBiIBENn38vv4e7GgRWeWwye0Y7SKUluhEhj4TOw8GXCL4zMCQQDo1RqUTSvh\
    CsHWBevubSNFcnsoSNqos4Aqa6VGqKCh+bOXwzfod7czID0qlAI+TrlHBnzSkpEQ4ROnk7VKkVg/AkEA2wU+\
    /HRYVyGAS9YKJJ8TNYsQOSmRM/cDxBpLeQAECSGDVP31iRzU5hHyusuI3fZ5h0xHRS9Lgq7axC3fuVhFawJA\
    Z/2eRHR/T6D1WDkG2lPGeCMcnK6FcunRKaEwjXGNZSrYqsTXeK3Xli8lAppesiOJHw7nu0kZH7fXhnYzd52Z\
    EwJAMgbKam23jV4acx7eQ8BZ5YfeDhZO99XnxgNiymLQ03pUDt596pDdsi2Zb9bk94PXkAvwUifC2Zc6Wic5\
    NMpKfw==";

/// The modulus of the RSA key of RFC 7517 appendix A.2 and RFC 7638 §3.1.
pub const RFC_7517_N: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tS\
    oc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65\
    YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyr\
    dkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzK\
    nqDKgw";

/// The private key of RFC 7515 appendix A.2.
pub const RFC_7515_RSA: &str = "{\"kty\":\"RSA\",\
    \"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJ\
    PMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0\
    LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uD\
    Zlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2\
    PAcDTW9gb54h4FRWyuXpoQ\",\
    \"e\":\"AQAB\",\
    \"d\":\"Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9S\
    E-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVd\
    xzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQ\
    UShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjn\
    czT0QU91p1DhOVRuOopznQ\",\
    \"p\":\"4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQT\
    a9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV\
    5z-y2XDwGUc\",\
    \"q\":\"uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7\
    C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rj\
    cJIDEz9RWdc\",\
    \"dp\":\"BwKfV3Akq5_MFZDFZCnW-wzl-CCo83WoZvnLQwCTeDv8uzluRSnm71I3QCLdhrqE2e9YkxvuxdBfpT_P\
    I7Yz-FOKnu1R6HsJeDCjn12Sk3vmAktV2zb34MCdy7cpdTh_YVr7tss2u6vneTwrA86rZtu5Mbr1C1Xs\
    mvkxHQAdYo0\",\
    \"dq\":\"h_96-mK1R_7glhsum81dZxjTnYynPbZpHziZjeeHcXYsXaaMwkOlODsWa7I9xXDoRwbKgB719rrmI2oK\
    r6N3Do9U0ajaHF-NKJnwgjMd2w9cjz3_-kyNlxAr2v4IKhGNpmM5iIgOS1VZnOZ68m6_pbLBSp3nssTd\
    lqvd0tIiTHU\",\
    \"qi\":\"IYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd-DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd_\
    QJQ3ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp_gh6A5603k2-ZQwVK0J\
    KSHuLFkuQ3U\"}";

/// The RSA key of RFC 7517 appendix A.2.
pub const RFC_7517_RSA: &str = "{\"kty\":\"RSA\",\
    \"n\":\"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1\
    L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4\
    QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbO\
    pbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csF\
    Cur-kEgU8awapJzKnqDKgw\",\
    \"e\":\"AQAB\",\
    \"d\":\"X4cTteJY_gn4FYPsXB8rdXix5vwsg1FLN5E3EaG6RJoVH-HLLKD9M7dx5oo7GURknchnrRweUkC7hT5f\
    JLM0WbFAKNLWY2vv7B6NqXSzUvxT0_YSfqijwp3RTzlBaCxWp4doFk5N2o8Gy_nHNKroADIkJ46pRUoh\
    sXywbReAdYaMwFs9tv8d_cPVY3i07a3t8MN6TNwm0dSawm9v47UiCl3Sk5ZiG7xojPLu4sbg1U2jx4IB\
    TNBznbJSzFHK66jT8bgkuqsk0GjskDJk19Z4qwjwbsnn4j2WBii3RL-Us2lGVkY8fkFzme1z0HbIkfz0\
    Y6mqnOYtqc0X4jfcKoAC8Q\",\
    \"p\":\"83i-7IvMGXoMXCskv73TKr8637FiO7Z27zv8oj6pbWUQyLPQBQxtPVnwD20R-60eTDmD2ujnMt5PoqMr\
    m8RfmNhVWDtjjMmCMjOpSXicFHj7XOuVIYQyqVWlWEh6dN36GVZYk93N8Bc9vY41xy8B9RzzOGVQzXvN\
    Evn7O0nVbfs\",\
    \"q\":\"3dfOR9cuYq-0S-mkFLzgItgMEfFzB2q3hWehMuG0oCuqnb3vobLyumqjVZQO1dIrdwgTnCdpYzBcOfW5\
    r370AFXjiWft_NGEiovonizhKpo9VVS78TzFgxkIdrecRezsZ-1kYd_s1qDbxtkDEgfAITAG9LUnADun\
    4vIcb6yelxk\",\
    \"dp\":\"G4sPXkc6Ya9y8oJW9_ILj4xuppu0lzi_H7VTkS8xj5SdX3coE0oimYwxIi2emTAue0UOa5dpgFGyBJ4c\
    8tQ2VF402XRugKDTP8akYhFo5tAA77Qe_NmtuYZc3C3m3I24G2GvR5sSDxUyAN2zq8Lfn9EUms6rY3Ob\
    8YeiKkTiBj0\",\
    \"dq\":\"s9lAH9fggBsoFR8Oac2R_E2gw282rT2kGOAhvIllETE1efrA6huUUvMfBcMpn8lqeW6vzznYY5SSQF7p\
    MdC_agI3nG8Ibp1BUb0JUiraRNqUfLhcQb_d9GF4Dh7e74WbRsobRonujTYN1xCaP6TO61jvWrX-L18t\
    xXw494Q_cgk\",\
    \"qi\":\"GyM_p6JrXySiz1toFgKbWV-JdI3jQ4ypu9rbMWx3rQJBfmt0FoYzgUIZEVFEcOqwemRN81zoDAaa-Bk0\
    KWNGDjJHZDdDmFhW3AN7lI-puxk_mHZGJ11rxyR8O55XLSe3SPmRfKwZI6yU24ZxvQKFYItdldUKGzO6\
    Ia6zTKhAVRU\",\
    \"alg\":\"RS256\",\
    \"kid\":\"2011-04-29\"}";

/// The P-256 key of RFC 7517 appendix A.2, which is for encryption.
pub const RFC_7517_EC: &str = "{\"kty\":\"EC\",\
    \"crv\":\"P-256\",\
    \"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\",\
    \"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\",\
    \"d\":\"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE\",\
    \"use\":\"enc\",\
    \"kid\":\"1\"}";

/// The private key of RFC 7515 appendix A.3.
pub const RFC_7515_EC: &str = "{\"kty\":\"EC\",\
    \"crv\":\"P-256\",\
    \"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\
    \"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\",\
    \"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"}";

/// The private key of RFC 8037 appendix A.1.
pub const ED25519_D: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";

/// The public key of RFC 8037 appendix A.2.
pub const ED25519_X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

/// The private key of RFC 8037 appendix A.1.
pub const RFC_8037_OKP: &str = "{\"kty\":\"OKP\",\
    \"crv\":\"Ed25519\",\
    \"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\",\
    \"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}";

/// The token of RFC 7515 appendix A.2.
pub const RFC_7515_RS256: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGF\
    tcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu\
    3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdi\
    uB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--x\
    i12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5A\
    XLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";

/// The token of RFC 8037 appendix A.4.
pub const RFC_8037_EDDSA: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7\
    -09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

/// The modulus of [`ROCA_PKCS8`].
pub const ROCA_N: &str = "7C4ypUfSCQxsaMhlkall2He-2ROg9vFt6F0OFDTbDlZ9KUtwsAC_0-0daQjj-lIWiwlToTLflmQb1X-G\
    cHSyrqI6REiXSwrPoQJiqmXYvgKxoDqrUYQYqz_htG5syU9dlTCOQoI5xt2ew35HdqtvzqMxAup2QOow\
    VQh3UeeMLEDYLBVHYWHLya5XyghQ6tKtxm6GDZ7xMrKEnLtKRWT6RyYhOa2kIveyfQ0nofxt1C0Dg3mJ\
    fvLM7LgEpEuyajRAn1cb9d1nHGL0yY9rrwAyx0FKGE7t2miMNc5LHU8OcbIxW7pLIyRpf-Q-cDu6vrxB\
    ataNul9y_KYvW9yWa2sgiw";

/// PKCS#8 in base64 of an RSA key with 2048 bits whose primes have the structure of CVE-2017-15361, made
/// for the tests that refuse it.
pub const ROCA_PKCS8: &str = "MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQDsLjKlR9IJDGxoyGWRqWXYd77ZE6D28W3o\
    XQ4UNNsOVn0pS3CwAL/T7R1pCOP6UhaLCVOhMt+WZBvVf4ZwdLKuojpESJdLCs+hAmKqZdi+ArGgOqtRhBir\
    P+G0bmzJT12VMI5CgjnG3Z7Dfkd2q2/OozEC6nZA6jBVCHdR54wsQNgsFUdhYcvJrlfKCFDq0q3GboYNnvEy\
    soScu0pFZPpHJiE5raQi97J9DSeh/G3ULQODeYl+8szsuASkS7JqNECfVxv13WccYvTJj2uvADLHQUoYTu3a\
    aIw1zksdTw5xsjFbuksjJGl/5D5wO7q+vEFq1o26X3L8pi9b3JZrayCLAgMBAAECggEBAJWLtwPSkxqppCdA\
    5Jcz1MoZIF3hQOW7/2THLzf6M85DU2MHYqX/A3fURvAP8hK5UY7d6/dA+DQI1Vr9MYoZSl6rWAuOj0Wz5b5E\
    fWb5sCC4IfKb04h9BQXCIE8YMIfTWiUyJpHUVXMnNvUAC44HhXco+8ql3RTDdLES+EKDQ81sVkGSsxSfrCOU\
    jQ9tcyHpKMU2ouPcqmdVjHgdCZDdBn00LutdNDYr9vowOrnN8Il0icBqE4/DyAL28Elk8h/R0YnpS3wwWubs\
    OqVFQ1mc96PCHKDFW1qFqH9e1NmmL6WjwYPVRSzjWlCT1terdk9NVVhyFYbIY1x10uMCLXOBmdkCgYEA8T5d\
    pkntwxOKrgI3j+X7vV1r3CNZuM9aIuKUo50RaKs65EPQj5jQRgCDeVrulyh06ZR41KKWzmLDCWL0DfB1E7xu\
    lsv269d1GlAyMek5t4lcWya/yVKijXFh0vpi3l5wbOR+UKKSw9qhkZ8wBuxbJlFA7X2eG3K4mRXpgAjtzLUC\
    gYEA+qCMTKvfGb/Asbhm3rJCCXkY0pQyBTPvk2WWdLmrnL/DdXjrbRIFiS8s/xYvMWEMMo4LM0eFYmGqr2j3\
    Fhy6qEbP4mnCA+nfQPb6+PEpKT5XCPjKGaeq7l6c2J5V7LjKWc90PBQ5PHM77fvpvdXygHp8gvjKYo7Jx39o\
    idqmwD8CgYArdj/q+IC0V23xoYafDyEGYbFP7LJ6YCjuBgIfY+nCAK9QdoM5i59iLS+CioZXhztg5ZXLQSuI\
    LTTUGRa8+CgvkRAfbMmkfaGkRvR0F3+FeGLCLT36KEAO2XF1UBTF2R/KDnRPVKq6TEY1dQdzB9v4EEVxQ+Nb\
    MJTfR5pUrcchzQKBgQC3aLZDhaOG3GTPqfreDeV1uUEJGZphZFh2rWklkpqb41nOpebjssSKWBO9uSZgJH0g\
    ogJgTH64OHEIXPA1JmEStH99WZe59XSDvjp740AUBqL61dZQX/se5e4yN+z5h2HNx5twO/yG2G2LA0dSvTbx\
    /rEPx7GT3pqbfAmsmG5fUQKBgCRhbDJV/LzE8GXEjv9TiAM4sayIUQWDN+MejpaZ99uGdCV5XAxIy7Pwdltd\
    ts/gfEPmBlp/ndPXdJsDE6F/ufQm+BJ9OKvoykEzaVpGNwquqWBIaF90+hTg/1/bekzkvo1+Biydm3lQGaKz\
    3G0+fnSzKlwu02YGi02osKPXY3k7";
