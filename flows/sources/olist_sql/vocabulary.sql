-- States: code, first and last zip prefix, weights of customers, sellers and prefixes (per mille), a point inside, the
-- spread of its towns in degrees, typical days on the road. Two ranges stand for a state whose prefixes are split.
create table states as select * from (values
    ('SP', 1000, 19999, 420, 595, 330, -22.3, -48.6, 1.4, 5.0),
    ('RJ', 20000, 28999, 129, 55, 105, -22.3, -42.6, 0.5, 9.0),
    ('ES', 29000, 29999, 20, 8, 24, -19.8, -40.7, 0.7, 10.0),
    ('MG', 30000, 39999, 117, 79, 125, -19.0, -44.6, 2.2, 7.5),
    ('BA', 40000, 48999, 34, 6, 60, -12.6, -41.4, 2.2, 13.0),
    ('SE', 49000, 49999, 4, 1, 8, -10.6, -37.4, 0.3, 15.0),
    ('PE', 50000, 56999, 17, 3, 33, -8.4, -37.6, 0.8, 12.5),
    ('AL', 57000, 57999, 4, 1, 9, -9.6, -36.6, 0.4, 17.0),
    ('PB', 58000, 58999, 5, 2, 12, -7.2, -36.8, 0.5, 14.5),
    ('RN', 59000, 59999, 5, 2, 11, -5.8, -36.6, 0.5, 13.5),
    ('CE', 60000, 63999, 13, 4, 24, -5.1, -39.5, 1.0, 15.0),
    ('PI', 64000, 64999, 5, 1, 8, -7.4, -42.4, 1.2, 14.0),
    ('MA', 65000, 65999, 8, 1, 14, -5.1, -45.4, 1.2, 15.5),
    ('PA', 66000, 68899, 10, 1, 20, -4.2, -50.9, 2.0, 16.5),
    ('AP', 68900, 68999, 1, 0, 2, 0.8, -51.6, 0.6, 18.5),
    ('AM', 69000, 69299, 1, 1, 3, -3.8, -62.4, 1.6, 18.0),
    ('RR', 69300, 69399, 1, 0, 1, 2.2, -61.2, 0.8, 19.0),
    ('AM', 69400, 69899, 1, 0, 1, -4.6, -66.2, 1.2, 18.5),
    ('AC', 69900, 69999, 1, 1, 2, -9.4, -70.0, 0.6, 17.5),
    ('DF', 70000, 72799, 21, 10, 30, -15.8, -47.8, 0.1, 7.5),
    ('GO', 72800, 76799, 20, 13, 42, -16.0, -49.6, 1.2, 8.5),
    ('RO', 76800, 76999, 3, 1, 6, -10.6, -62.8, 0.8, 14.5),
    ('TO', 77000, 77999, 3, 1, 7, -9.8, -48.3, 1.2, 13.0),
    ('MT', 78000, 78899, 9, 1, 16, -13.2, -55.6, 1.6, 13.0),
    ('MS', 79000, 79999, 7, 2, 13, -20.6, -54.6, 1.2, 11.0),
    ('PR', 80000, 87999, 51, 113, 66, -24.6, -51.4, 1.2, 7.0),
    ('SC', 88000, 89999, 37, 61, 38, -27.0, -50.4, 0.8, 9.5),
    ('RS', 90000, 99999, 55, 42, 70, -29.0, -53.2, 1.2, 10.0)
) as t(state, first_prefix, last_prefix, customers, sellers, prefixes, lat, lng, spread, road_days);

-- The larger cities of each state, the largest first; the rest of a state's prefixes lies in small towns.
create table cities as select * from (values
    ('SP', 'são paulo', -23.55, -46.63, 30), ('SP', 'guarulhos', -23.45, -46.53, 6), ('SP', 'osasco', -23.53, -46.79, 4),
    ('SP', 'santo andré', -23.66, -46.53, 4), ('SP', 'são bernardo do campo', -23.69, -46.56, 4),
    ('SP', 'santos', -23.96, -46.33, 3), ('SP', 'são josé dos campos', -23.19, -45.88, 4),
    ('SP', 'campinas', -22.91, -47.06, 6), ('SP', 'ribeirão preto', -21.18, -47.81, 4), ('SP', 'bauru', -22.31, -49.06, 2),
    ('SP', 'sorocaba', -23.50, -47.46, 3), ('SP', 'jundiaí', -23.19, -46.88, 2), ('SP', 'araçatuba', -21.21, -50.43, 1),
    ('SP', 'marília', -22.21, -49.95, 1), ('SP', 'são josé do rio preto', -20.82, -49.38, 2),
    ('RJ', 'rio de janeiro', -22.91, -43.20, 40), ('RJ', 'niterói', -22.88, -43.10, 6),
    ('RJ', 'são gonçalo', -22.83, -43.05, 6), ('RJ', 'duque de caxias', -22.79, -43.31, 5),
    ('RJ', 'nova iguaçu', -22.76, -43.45, 5), ('RJ', 'petrópolis', -22.51, -43.18, 3), ('RJ', 'macaé', -22.37, -41.79, 2),
    ('ES', 'vitória', -20.32, -40.34, 10), ('ES', 'vila velha', -20.33, -40.29, 10), ('ES', 'serra', -20.13, -40.31, 8),
    ('MG', 'belo horizonte', -19.92, -43.94, 25), ('MG', 'contagem', -19.93, -44.05, 6), ('MG', 'betim', -19.97, -44.20, 4),
    ('MG', 'juiz de fora', -21.76, -43.35, 6), ('MG', 'uberlândia', -18.92, -48.28, 6),
    ('MG', 'montes claros', -16.73, -43.86, 3), ('MG', 'poços de caldas', -21.79, -46.56, 2),
    ('BA', 'salvador', -12.97, -38.50, 25), ('BA', 'lauro de freitas', -12.89, -38.33, 4),
    ('BA', 'feira de santana', -12.27, -38.97, 6), ('BA', 'vitória da conquista', -14.86, -40.84, 4),
    ('BA', 'ilhéus', -14.79, -39.05, 2),
    ('SE', 'aracaju', -10.91, -37.07, 20), ('PE', 'recife', -8.05, -34.88, 20), ('PE', 'olinda', -8.01, -34.86, 5),
    ('PE', 'jaboatão dos guararapes', -8.11, -35.01, 6), ('PE', 'petrolina', -9.39, -40.50, 3),
    ('AL', 'maceió', -9.67, -35.74, 20), ('PB', 'joão pessoa', -7.12, -34.85, 18), ('PB', 'campina grande', -7.23, -35.88, 6),
    ('RN', 'natal', -5.79, -35.21, 18), ('RN', 'mossoró', -5.19, -37.34, 4), ('CE', 'fortaleza', -3.73, -38.53, 22),
    ('CE', 'juazeiro do norte', -7.21, -39.32, 3), ('PI', 'teresina', -5.09, -42.80, 16),
    ('MA', 'são luís', -2.53, -44.30, 14), ('MA', 'imperatriz', -5.53, -47.48, 4), ('PA', 'belém', -1.46, -48.50, 16),
    ('PA', 'ananindeua', -1.37, -48.37, 5), ('PA', 'santarém', -2.44, -54.71, 3), ('AP', 'macapá', 0.04, -51.06, 10),
    ('AM', 'manaus', -3.12, -60.02, 20), ('RR', 'boa vista', 2.82, -60.67, 10), ('AC', 'rio branco', -9.97, -67.81, 10),
    ('DF', 'brasília', -15.79, -47.88, 30), ('GO', 'goiânia', -16.69, -49.26, 20), ('GO', 'anápolis', -16.33, -48.95, 5),
    ('GO', 'aparecida de goiânia', -16.82, -49.25, 5), ('RO', 'porto velho', -8.76, -63.90, 8),
    ('TO', 'palmas', -10.18, -48.33, 10), ('MT', 'cuiabá', -15.60, -56.10, 14), ('MT', 'rondonópolis', -16.47, -54.64, 4),
    ('MS', 'campo grande', -20.44, -54.65, 16), ('MS', 'dourados', -22.22, -54.81, 4), ('PR', 'curitiba', -25.43, -49.27, 24),
    ('PR', 'londrina', -23.31, -51.16, 6), ('PR', 'maringá', -23.42, -51.94, 5), ('PR', 'cascavel', -24.96, -53.46, 3),
    ('SC', 'florianópolis', -27.60, -48.55, 10), ('SC', 'joinville', -26.30, -48.85, 8), ('SC', 'blumenau', -26.92, -49.07, 6),
    ('SC', 'chapecó', -27.10, -52.62, 3), ('RS', 'porto alegre', -30.03, -51.23, 22), ('RS', 'caxias do sul', -29.17, -51.18, 6),
    ('RS', 'canoas', -29.92, -51.18, 5), ('RS', 'são leopoldo', -29.76, -51.15, 3), ('RS', 'santa maria', -29.68, -53.81, 3)
) as t(state, city, lat, lng, weight);

set variable saints = ['são bento', 'são roque', 'são vicente', 'são brás', 'são cristóvão', 'são tomé', 'são gabriel',
    'santo amaro', 'santo inácio', 'santo estêvão', 'santa luzia', 'santa clara', 'santa inês', 'santa cecília',
    'santa mônica', 'bom jesus', 'nossa senhora', 'conceição', 'monte alegre', 'vila nova', 'água boa', 'lagoa bonita',
    'campo verde', 'ribeirão claro', 'barra longa', 'pedra branca', 'serra azul', 'palmeira', 'jequitibá', 'araçá'];
set variable places = ['do sul', 'do norte', 'da serra', 'do oeste', 'das flores', 'da mata', 'do vale', 'das águas',
    'dos pinhais', 'da boa vista', 'do campo', 'da ribeira', 'do planalto', 'do cerrado', 'das palmeiras', 'd''oeste',
    'da praia', 'do paraíso', 'da esperança', 'dos coqueiros', 'do araguaia', 'da lagoa', 'das missões', 'do sertão'];

-- Categories, the best selling first; the price level is a factor on the middle of 75 reais.
create table categories as select row_number() over () - 1 as category, * from (values
    ('cama_e_banho', 'bed_and_bath', 0.9), ('saude_e_beleza', 'health_and_beauty', 1.0), ('esporte', 'sports', 1.0),
    ('decoracao', 'home_decor', 0.8), ('acessorios_de_computador', 'computer_accessories', 1.0),
    ('utensilios_domesticos', 'household_goods', 0.8), ('relogios', 'watches', 1.8), ('telefones', 'phones', 0.6),
    ('jardim', 'garden', 1.0), ('brinquedos', 'toys', 1.1), ('acessorios_de_carro', 'car_accessories', 1.2),
    ('presentes', 'gifts', 1.0), ('perfumes', 'perfumes', 1.1), ('bebes', 'babies', 1.2), ('eletronicos', 'electronics', 0.5),
    ('papelaria_escolar', 'school_stationery', 0.8), ('bolsas', 'bags', 0.7), ('animais_de_estimacao', 'pets', 1.0),
    ('moveis_de_escritorio', 'office_furniture', 1.8), ('ferramentas', 'tools', 1.3), ('malas', 'luggage', 1.3),
    ('consoles', 'consoles', 1.6), ('construcao', 'construction', 1.3), ('eletrodomesticos', 'appliances', 1.0),
    ('instrumentos', 'instruments', 2.0), ('moveis_de_sala', 'living_room_furniture', 1.4), ('eletroportateis', 'small_appliances', 2.4),
    ('conforto_do_lar', 'home_comfort', 1.2), ('alimentos', 'food', 0.6), ('bebidas', 'drinks', 0.7),
    ('livros', 'books', 0.6), ('livros_tecnicos', 'technical_books', 0.8), ('moveis_de_quarto', 'bedroom_furniture', 1.6),
    ('iluminacao', 'lighting', 0.9), ('casa_e_obra', 'home_improvement', 1.0), ('mercado', 'market', 0.9),
    ('ar_e_clima', 'air_and_climate', 1.6), ('telefones_fixos', 'landlines', 2.2), ('audio_e_som', 'audio', 1.2),
    ('cozinha_e_mesa', 'kitchen_and_table', 0.8), ('eletrodomesticos_grandes', 'large_appliances', 4.0),
    ('computadores', 'computers', 9.0), ('industria', 'industry', 1.4), ('agricultura', 'agriculture', 2.0),
    ('sinalizacao', 'signage', 1.2), ('roupa_feminina', 'womens_clothing', 0.7), ('roupa_masculina', 'mens_clothing', 0.8),
    ('roupa_infantil', 'childrens_clothing', 0.7), ('roupa_intima', 'underwear', 0.6), ('calcados', 'shoes', 0.9),
    ('roupa_esportiva', 'sportswear', 0.8), ('tabletes', 'tablets', 1.5), ('fotografia', 'photography', 1.6),
    ('filmes', 'films', 0.7), ('musica', 'music', 0.7), ('discos', 'records', 0.9), ('pinturas', 'paintings', 0.9),
    ('artesanato', 'crafts', 0.7), ('festas', 'parties', 0.6), ('natal', 'christmas', 0.6), ('flores', 'flowers', 0.5),
    ('fraldas', 'diapers', 0.6), ('seguros', 'insurance', 2.6), ('seguranca', 'security', 1.2), ('limpeza', 'cleaning', 0.6),
    ('piscina', 'pool', 1.2), ('pesca', 'fishing', 0.9), ('viagem', 'travel', 1.0), ('cine_em_casa', 'home_cinema', 2.4),
    ('impressao', 'printing', 1.5), ('moveis_de_jardim', 'garden_furniture', 1.4),
    ('pc_gamer', null, 2.4), ('portateis_cozinha_e_preparadores_de_alimentos', null, 2.8)
) as t(name, name_english, price_level);

-- Words of the reviews, by mood. They hold what a reader of CSV must stand: quotes, commas, semicolons, accents.
set variable titles = map {
    'good': ['Ótimo', 'Recomendo', 'Muito bom', 'Perfeito', 'Excelente compra', 'Adorei!', '10', 'Nota "mil"', 'Satisfeita', 'Bom'],
    'fair': ['Regular', 'Mais ou menos', 'Razoável', 'Poderia ser melhor', 'Atraso', 'ok', 'Esperava mais'],
    'bad': ['Não recebi', 'Péssimo', 'Decepção', 'Veio errado', 'Produto com defeito', 'Quero meu dinheiro', 'NÃO COMPREM', 'Atrasado']};
set variable openings = map {
    'good': ['Chegou antes da data', 'Produto de boa qualidade', 'Gostei bastante da compra', 'Tudo certo com o pedido',
        'Veio bem embalado', 'Entrega rapidíssima', 'Igualzinho à foto', 'Superou o que eu esperava', 'Loja séria'],
    'fair': ['O produto é razoável', 'Demorou mais que o previsto', 'A cor não é bem a da foto', 'A embalagem veio amassada',
        'Atende, mas sem capricho', 'Esperava um acabamento melhor', 'Só uma parte chegou até agora'],
    'bad': ['Até hoje não chegou nada', 'Recebi o item errado', 'Veio quebrado na caixa', 'Comprei dois e recebi só um',
        'A peça parou no primeiro dia', 'Ninguém responde às mensagens', 'Tamanho totalmente diferente', 'Não é original']};
set variable middles = map {
    'good': ['minha mãe amou o presente', 'o vendedor avisou cada passo', 'o tecido é macio e bonito', 'funciona muito bem',
        'a montagem foi fácil', 'vale cada centavo', 'o som é limpo; a bateria dura', 'recomendo a "loja do bairro"'],
    'fair': ['o manual está em outro idioma', 'faltou um parafuso', 'o cheiro é forte no início', 'serve, por ora',
        'precisei colar uma ponta', 'a voltagem veio "trocada", mas resolveram', 'o preço poderia ser menor'],
    'bad': ['pedi a troca e nada', 'o rastreio parou em Curitiba', 'quero o estorno, por favor', 'já abri reclamação duas vezes',
        'o site dizia "pronta entrega"', 'foi presente de aniversário, passei vergonha', 'a transportadora diz que entregou']};
set variable endings = map {
    'good': ['Voltarei a comprar!', 'Obrigada', 'Nota 10.', 'Parabéns a todos', 'Até a próxima', 'Recomendo', ':)'],
    'fair': ['Fica a dica.', 'Vou pensar antes de comprar de novo', 'Três estrelas', 'Espero que melhorem', 'ok'],
    'bad': ['Aguardo solução.', 'Não compro mais', 'Péssimo atendimento!!!', 'Cadê meu pedido?', 'Que descaso', 'Resolvam!']};
