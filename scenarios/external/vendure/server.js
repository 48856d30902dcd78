// server: Vendure as it comes, with its own dummy payment handler, no admin UI, in-memory job queue. Seeds two products on an empty
// database, then serves. All settings come from the environment; prints `ready` on stdout.
const path = require('node:path');
const { bootstrap, DefaultLogger, LogLevel, LanguageCode, dummyPaymentHandler, JobQueueService } = require('@vendure/core');
const { populate } = require('@vendure/core/cli');

const need = (name) => process.env[name] || (() => { throw new Error(`${name} is not set`); })();

const config = {
  apiOptions: { hostname: '127.0.0.1', port: Number(need('PORT')), shopApiPath: 'shop-api', adminApiPath: 'admin-api' },
  authOptions: {
    tokenMethod: ['bearer', 'cookie'],
    superadminCredentials: { identifier: need('SUPERADMIN'), password: need('SUPERADMIN_PASSWORD') },
  },
  dbConnectionOptions: {
    type: 'postgres', host: '127.0.0.1', port: Number(need('DB_PORT')), username: 'vendure', database: 'vendure',
    synchronize: true, logging: false,
    extra: { max: 50 },   // with as few as the buyers who pay at once, its transactions wait for connections of each other, for ever
  },
  paymentOptions: { paymentMethodHandlers: [dummyPaymentHandler] },
  logger: new DefaultLogger({ level: LogLevel.Warn }),
  plugins: [],
};

const initialData = {
  defaultLanguage: LanguageCode.en,
  defaultZone: 'Here',
  countries: [{ name: 'China', code: 'CN', zone: 'Here' }],
  taxRates: [{ name: 'standard', percentage: 0 }],
  shippingMethods: [{ name: 'By mail', price: 0 }],
  paymentMethods: [{ name: 'dummy', handler: { code: dummyPaymentHandler.code, arguments: [{ name: 'automaticSettle', value: 'true' }] } }],
  collections: [],
};

async function main() {
  const app = await populate(() => bootstrap(config), initialData, path.join(__dirname, 'products.csv'));
  await app.get(JobQueueService).start();
  console.log('ready');
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
