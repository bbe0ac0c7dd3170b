//! The subject of the measurements: a database with a clinic in it, and the built functions in a
//! local cloud.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use client::Client;
use local_cloud::cloud::{Cloud, Settings};
use local_cloud::issuer::TokenRequest;
use local_cloud::postgres::{Options, Server, Tls, with_role};
use local_cloud::template::{Function, Template};
use migrations::LOGINS;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use uuid::Uuid;

const PASSWORD: &str = "bench";

/// The key that signs tickets in the measurements.
pub const TICKET_KEY: [u8; 32] = *b"the benchmark's key, of 32 bytes";

/// The amount of data in a database.
#[derive(Clone, Copy)]
pub struct Size {
    pub patients: u32,
    pub audit_rows: u32,
}

impl Size {
    /// Enough patients to read one, and so few that lists cost little.
    pub const SMALL: Self = Self {
        patients: 20,
        audit_rows: 1_000,
    };
}

/// How a server runs.
#[derive(Clone, Default)]
pub struct Setup {
    /// Serve TLS with a certificate of its own authority, as Neon does.
    pub tls: bool,
    /// Keep the data on a disk and wait for it at each COMMIT. Otherwise the data is in memory, if the system
    /// offers that, and nothing waits for a disk.
    pub fsync: bool,
    /// Give the functions their secrets in their environment. Otherwise they fetch them.
    pub given_secrets: bool,
    /// Keep the data in this folder, for a later run.
    pub keep: Option<PathBuf>,
    /// Further variables of the functions.
    pub environment: Vec<(&'static str, String)>,
}

/// A server.
pub struct Databases {
    server: Server,
    authority: Option<PathBuf>,
    folder: TempDir,
    given_secrets: bool,
    environment: Vec<(&'static str, String)>,
}

impl Databases {
    pub async fn start(setup: Setup) -> Result<Self> {
        let folder = if setup.fsync {
            // This folder is on a disk on every system. The server's account must reach it.
            tempfile::Builder::new()
                .prefix("caretrail-bench-")
                .permissions(Permissions::from_mode(0o755))
                .tempdir_in("/var/tmp")?
        } else {
            tempfile::tempdir()?
        };
        let file = |name: &str, content: String| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).map(|()| path)
        };
        let mut options = Options {
            data: setup
                .keep
                .or_else(|| setup.fsync.then(|| folder.path().join("postgres"))),
            ..Options::default()
        };
        if !setup.fsync {
            let without_disk = ["fsync", "synchronous_commit", "full_page_writes"];
            options.settings = without_disk
                .map(|name| (name.to_owned(), "off".to_owned()))
                .to_vec();
        }
        let mut authority = None;
        if setup.tls {
            let mut parameters = CertificateParams::default();
            parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let issuer = CertifiedIssuer::self_signed(parameters, KeyPair::generate()?)?;
            let key = KeyPair::generate()?;
            let certificate =
                CertificateParams::new(["127.0.0.1".to_owned()])?.signed_by(&key, &issuer)?;
            options.tls = Some(Tls {
                certificate: file("server.crt", certificate.pem())?,
                key: file("server.key", key.serialize_pem())?,
            });
            authority = Some(file("authority.pem", issuer.pem())?);
        }
        Ok(Self {
            server: Server::start(options).await?,
            authority,
            folder,
            given_secrets: setup.given_secrets,
            environment: setup.environment,
        })
    }

    /// Returns everything that the server wrote to its log.
    pub fn log(&self) -> Result<String> {
        Ok(std::fs::read_to_string(
            self.server.data.join("postgres.log"),
        )?)
    }

    /// Returns the id of the server's first process.
    pub fn postmaster(&self) -> Result<u32> {
        let file = self.server.data.join("data/postmaster.pid");
        let content = std::fs::read_to_string(file)?;
        let id = content.lines().next().unwrap_or_default();
        id.trim().parse().context("PostgreSQL wrote no process id")
    }

    /// Kills the server, and starts it again on its data. Errors: its data is not kept.
    pub async fn crash(&self) -> Result<()> {
        kill(self.postmaster()?)?;
        self.server.ended().await;
        self.server.restart().await
    }

    pub fn superuser_url(&self, database: &str) -> String {
        format!("{}?sslmode=disable", self.server.superuser_url(database))
    }

    fn app_url(&self, database: &str) -> String {
        let url = self.server.url(LOGINS[0], PASSWORD, database);
        match self.authority {
            Some(_) => format!("{url}?sslmode=verify-full&channel_binding=require"),
            None => url,
        }
    }
}

/// A database with its data.
pub struct Clinic {
    /// The URL for the functions.
    pub app_url: String,
    /// The superuser's connection.
    pub client: tokio_postgres::Client,
}

impl Clinic {
    pub async fn open(databases: &Databases, name: &str, size: Size) -> Result<Self> {
        let owner = databases.superuser_url(name);
        let is_kept = databases.server.has_database(name).await?;
        if !is_kept {
            databases.server.create_database(name, None).await?;
            migrations::run(&owner, None).await?;
            for login in LOGINS {
                migrations::set_password(&owner, None, login, PASSWORD).await?;
            }
            migrations::add_ticket_key(&owner, None, &TICKET_KEY).await?;
        }
        let client = database::connect(&owner, None).await?;
        if !is_kept && let Err(error) = fill(&client, size).await {
            drop(client);
            databases.server.drop_database(name).await?;
            return Err(error);
        }
        Ok(Self {
            app_url: databases.app_url(name),
            client,
        })
    }

    /// Returns the id that `crowd.sql` gave to `patient 1`, `patient user 1`, `provider 1` or
    /// `admin`.
    pub async fn id(&self, of: &str) -> Result<Uuid> {
        let row = self
            .client
            .query_one("select md5($1)::uuid", &[&of])
            .await?;
        Ok(row.get(0))
    }
}

/// A clinic and its cloud.
pub struct Site {
    pub clinic: Clinic,
    pub cloud: Cloud,
    pub template: Arc<Template>,
    pub binaries: PathBuf,
    /// The folder of objects, keys and logs.
    pub data: PathBuf,
}

impl Site {
    /// Starts the cloud. `built` is the folder of the functions as cargo-lambda (NAME/bootstrap) or
    /// cargo (NAME) wrote them.
    pub async fn open(
        databases: &Databases,
        name: &str,
        size: Size,
        built: &Path,
        instances: usize,
    ) -> Result<Self> {
        let clinic = Clinic::open(databases, name, size).await?;
        let data = databases.folder.path().join(name);
        let binaries = data.join("bin");
        std::fs::create_dir_all(&binaries)?;
        let template =
            std::fs::read_to_string(local_cloud::workspace::root().join("template.yaml"))?;
        let mut template = Template::parse(&template.replacen("\nResources:\n", HELLO, 1))?;
        let built = built
            .canonicalize()
            .with_context(|| format!("{} is missing", built.display()))?;
        template.functions.retain(|function| {
            let binary = built.join(&function.package);
            let bootstrap = binary.join("bootstrap");
            let binary = if bootstrap.exists() {
                bootstrap
            } else {
                binary
            };
            binary.exists() && symlink(binary, binaries.join(&function.package)).is_ok()
        });
        let key = BASE64_STANDARD.encode(TICKET_KEY);
        if databases.given_secrets {
            for function in &mut template.functions {
                give_secrets(function, &clinic.app_url, &key)?;
            }
        }
        let template = Arc::new(template);
        let mut settings =
            Settings::new(&data.join("cloud"), &clinic.app_url, &key, template.clone());
        settings.binaries = binaries.clone();
        settings.instances = instances;
        let variables = databases.environment.iter();
        settings
            .environment
            .extend(variables.map(|(name, value)| ((*name).to_owned(), value.clone())));
        if let Some(authority) = &databases.authority {
            let authority = authority.display().to_string();
            settings
                .environment
                .insert("DATABASE_CA_FILE".to_owned(), authority);
        }
        Ok(Self {
            clinic,
            cloud: Cloud::start(settings).await?,
            template,
            binaries,
            data: data.join("cloud"),
        })
    }

    /// Ends the function's processes, so that its next request starts one.
    pub async fn stop(&self, function: &str) {
        let lambda = self.cloud.lambda();
        lambda.restart(function);
        while lambda.instances(function) > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Returns a client of this user.
    pub async fn caller(&self, user: &str) -> Result<Client> {
        let request = TokenRequest::new(self.clinic.id(user).await?, "bench@example.org");
        let token = self.cloud.issuer().mint(&request)?;
        Ok(Client::new(self.cloud.url()).with_token(token))
    }
}

/// Ends a process at once (SIGKILL).
pub fn kill(process: u32) -> Result<()> {
    let status = Command::new("kill")
        .args(["-9", &process.to_string()])
        .stderr(Stdio::null())
        .status()?;
    ensure!(status.success(), "process {process} was not killed");
    Ok(())
}

/// Puts the members of the function's secret into its environment.
fn give_secrets(function: &mut Function, url: &str, key: &str) -> Result<()> {
    let Some(Some(secret)) = function.environment.remove("SECRET_ID") else {
        return Ok(());
    };
    let login = secret.replace("caretrail/", "caretrail_");
    let members = [
        ("DATABASE_URL", with_role(url, &login)?),
        ("TICKET_KEY", key.to_owned()),
        ("CURSOR_KEY", key.to_owned()),
        ("WEBHOOK_KEY", key.to_owned()),
    ];
    let members = members.map(|(name, value)| (name.to_owned(), Some(value)));
    function.environment.extend(members);
    Ok(())
}

/// The clock and the signature of a ticket for this subject.
pub fn ticket(subject: Uuid, permission: &str) -> (i64, Vec<u8>) {
    let clock = SystemTime::now().duration_since(UNIX_EPOCH);
    let clock = clock.map_or(0, |clock| clock.as_secs().cast_signed());
    let key = hmac::Key::new(hmac::HMAC_SHA256, &TICKET_KEY);
    let message = format!("caretrail-ticket-v1|{subject}|t|{permission}|{clock}");
    let signature = hmac::sign(&key, message.as_bytes());
    (clock, signature.as_ref().to_vec())
}

async fn fill(database: &tokio_postgres::Client, size: Size) -> Result<()> {
    let settings = format!(
        "set timezone = 'UTC'; set bench.patients = '{}'; set bench.audit_rows = '{}';",
        size.patients, size.audit_rows
    );
    database.batch_execute(&settings).await?;
    database
        .batch_execute(include_str!("scale/crowd.sql"))
        .await?;
    database
        .batch_execute(include_str!("scale/audit.sql"))
        .await?;
    // It is sent alone, because it can't run in a transaction.
    database.batch_execute("vacuum analyze").await?;
    Ok(())
}

const HELLO: &str = "
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: target/lambda/hello/
      Handler: bootstrap
      Runtime: provided.al2023
      Events:
        Http:
          Type: HttpApi
          Properties: { Method: GET, Path: /hello }
";
