//! The pages for signing in, consent, the account, devices and signing out.
//!
//! Owns one struct for each template, with exactly its data. Does not know requests and calls no use case;
//! handlers fill the structs and pass them to `ui::page` or `ui::page_with`.

mod account;
mod answer;
mod api_keys;
mod consent;
mod console;
mod console_users;
mod device;
mod email;
mod login;
mod logout;
mod own_data;
mod recovery;
mod security;
mod signup;

pub use account::{AccountPage, AppRow, Done, SessionRow};
pub use answer::{ContinuePage, FormPostPage};
pub use api_keys::{ApiKeyForm, ApiKeyPage, ApiKeyRow, KeyLife, KeyScope, NewApiKeyPage};
pub use consent::{ClientCard, ConsentItem, ConsentPage, DocumentCard};
pub use console::{
    Bar, Block, Cell, Chart, Choice, ConfirmPage, ConsoleFrame, ConsolePage, Fact, Field, Form,
    NavItem, SecretPage, Section, State, Table,
};
pub use console_users::{OneTimeLinkPage, RowSelection};
pub use device::{DeviceDonePage, DevicePage};
pub use email::{EmailLinkDonePage, EmailLinkPage, EmailPage};
pub use login::{EnrolPage, LoginPage, MailedCodePage, NewPasswordPage, PasskeyForm, VerifyPage};
pub use logout::{BackLink, LoggedOutPage, LogoutConfirmPage};
pub use own_data::{
    AccountDeletedPage, DeleteAccountPage, ExportPage, HistoryPage, HistoryRow, OwnLoginPage,
};
pub use recovery::{ChoosePasswordPage, RecoverCodePage, RecoverPage};
pub use security::{
    FactorRow, Passkeys, RecoveryCodesPage, RemoveFactorPage, SecurityPage, TotpSetupPage,
};
pub use signup::{AccountErrors, SignupAccountPage, SignupCodePage, SignupEmailPage};
